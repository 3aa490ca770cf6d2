# plimsoll in a container: built from source, run by a user without rights.
#
#   docker build -t plimsoll .
#   docker run --rm --read-only -v "$PWD/plimsoll.toml:/etc/plimsoll/plimsoll.toml:ro" plimsoll
#
# A build that is published says what it was made from:
#
#   docker build --build-arg REVISION="$(git rev-parse HEAD)" \
#     --build-arg CREATED="$(date -u +%Y-%m-%dT%H:%M:%SZ)" -t plimsoll:0.1.0 .

# ---- build: Debian 12 here and below, so that the C library is the same ----
FROM rust:1.95.0-bookworm AS build
WORKDIR /src

# Dependencies first, from the manifests alone: librdkafka, OpenSSL and SQLite
# take minutes to compile and are built again only when Cargo.lock changes.
COPY Cargo.toml Cargo.lock ./
COPY protocol/Cargo.toml protocol/
COPY model/Cargo.toml model/
COPY record/Cargo.toml record/
COPY registry/Cargo.toml registry/
COPY tls/Cargo.toml tls/
COPY formats/avro/Cargo.toml formats/avro/
COPY formats/protobuf/Cargo.toml formats/protobuf/
COPY formats/selfdescribing/Cargo.toml formats/selfdescribing/
COPY formats/plain/Cargo.toml formats/plain/
COPY formats/testing/Cargo.toml formats/testing/
COPY verify/Cargo.toml verify/
COPY bench/Cargo.toml bench/
COPY source/Cargo.toml source/
COPY sinks/api/Cargo.toml sinks/api/
COPY sinks/conformance/Cargo.toml sinks/conformance/
COPY sinks/memory/Cargo.toml sinks/memory/
COPY sinks/postgres/Cargo.toml sinks/postgres/
COPY sinks/sqlite/Cargo.toml sinks/sqlite/
COPY sinks/cassandra/Cargo.toml sinks/cassandra/
RUN set -eux; \
    for crate in . protocol model record registry tls formats/avro formats/protobuf formats/selfdescribing formats/plain formats/testing verify bench sinks/api sinks/conformance sinks/memory sinks/postgres sinks/sqlite sinks/cassandra source; do \
        mkdir -p "$crate/src"; : > "$crate/src/lib.rs"; \
    done; \
    mkdir -p tests/it; : > tests/it/main.rs; \
    echo 'fn main() {}' > src/main.rs; \
    cargo build --locked --profile dist --bin plimsoll

# The sources are newer than the empty files above, whatever their dates say.
COPY . .
RUN find . -name '*.rs' -exec touch {} + \
    && cargo build --locked --profile dist --bin plimsoll \
    && target/dist/plimsoll --version

# ---- run ----
FROM debian:12.12-slim
ARG VERSION=0.1.0
ARG REVISION=""
ARG CREATED=""
LABEL org.opencontainers.image.title="plimsoll" \
      org.opencontainers.image.description="Kafka into a database, each event exactly once, and able to prove it" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION" \
      org.opencontainers.image.created="$CREATED" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.base.name="docker.io/library/debian:12.12-slim"
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin plimsoll
COPY --from=build /src/target/dist/plimsoll /usr/local/bin/plimsoll
COPY LICENSE /usr/share/doc/plimsoll/LICENSE
USER 10001:10001
# Nothing is written here: positions live in the database. A SQLite sink needs a
# volume that this user may write to.
WORKDIR /var/empty
# SIGTERM drains; it is what the engine sends, and plimsoll ends within
# drain_ms and a few seconds.
STOPSIGNAL SIGTERM
EXPOSE 9464
# Whether the process serves; that a database is away is no reason to end it. It reads the
# config for http.listen: the default is loopback, which is enough for it.
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=3 \
    CMD ["/usr/local/bin/plimsoll", "health", "--config", "/etc/plimsoll/plimsoll.toml"]
ENTRYPOINT ["/usr/local/bin/plimsoll"]
CMD ["run", "--config", "/etc/plimsoll/plimsoll.toml"]
