# Everything here works on a fresh machine with Rust and a C toolchain.
# One profile for all: what the demo built, the tests use again.

.PHONY: help deb demo test storm debezium kafkas upgrade mends fuzz servers lint mutants mutants-protocol model bench

help: ## what there is
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile

demo: ## Kafka, the service, kill -9 and the proof, in one process tree
	cargo run --release -- demo

# Tests on servers wait more than they work.
test: export RUST_TEST_THREADS ?= 4
test: ## every test, beside a real Kafka and a real Postgres
	scripts/with-servers cargo test --release --workspace

storm: export STORM_MINUTES ?= 10
storm: ## every kind of fault at random, STORM_MINUTES long (10); STORM_SEED replays one
	scripts/with-servers cargo test --release --workspace --test it -- storm::every --nocapture

debezium: export DEBEZIUM_MINUTES ?= 5
debezium: ## a real Debezium's tables against their source, DEBEZIUM_MINUTES long (5); DEBEZIUM_SEED replays one
	scripts/with-servers cargo test --release --workspace --test it -- --ignored debezium::long --nocapture

KAFKAS ?= 4.1 3.9 2.8 2.7 0.11 0.10.1
kafkas: ## smoke, kill and recreate tests beside old and new Kafkas, each fetched once
	scripts/kafkas $(KAFKAS)

upgrade: export UPGRADE_MINUTES ?= 3
upgrade: ## an older plimsoll (UPGRADE_FROM, a commit) and this one on one state, killed at random
	scripts/upgrade $(UPGRADE_FROM)

mends: ## the tests of mends against the binary of before them: each must fail
	scripts/mends $(UPGRADE_FROM)

FUZZ_SECONDS ?= 120
fuzz: ## each fuzz target for FUZZ_SECONDS (120); needs cargo-fuzz and a nightly compiler
	for target in json config copy unnest avro connect protobuf cbor msgpack csv; do \
	  cargo +nightly fuzz run $$target -- -max_total_time=$(FUZZ_SECONDS) || exit 1; \
	done

servers: ## the two servers alone, until Ctrl-C
	@scripts/with-servers --print

lint: ## format and lints, as CI wants them
	cargo fmt --all --check
	cargo clippy --release --workspace --all-targets -- -D warnings

mutants: ## takes the guarantees out one at a time: a named test must fail for each
	scripts/with-servers scripts/mutants.sh

MUTANTS := .cache/tools/bin/cargo-mutants

# It copies the tree, and builds in the copy: protocol and model have few
# dependencies. One job at a time, as one build takes both cores.
mutants-protocol: $(MUTANTS) ## every small change of the protocol crate: its tests or the model must fail
	PATH="$(CURDIR)/.cache/tools/bin:$$PATH" cargo mutants -p plimsoll-protocol -j1 --output .cache

$(MUTANTS):
	cargo install cargo-mutants --locked --root .cache/tools

model: ## searches the model of the protocol and prints its bounds; MODEL_DEPTH=1 searches further
	cargo run --release -p plimsoll-model

# A server of ordinary size; durable: fsync and synchronous_commit stay on.
bench: export PLIMSOLL_POSTGRES_OPTIONS = -c shared_buffers=1GB -c max_wal_size=16GB -c checkpoint_timeout=30min -c track_commit_timestamp=on
bench: ## the service beside the baseline in one run; CASES="append upsert" chooses (--help names all, and how long each takes)
	cargo build --release -p plimsoll -p plimsoll-bench
	@mkdir -p bench/results
	scripts/with-servers target/release/plimsoll-bench $(CASES) \
	  --json bench/results/$$(date -u +%Y%m%d-%H%M%S).json --plot docs/bench.svg

CARGO_DEB := .cache/tools/bin/cargo-deb

deb: $(CARGO_DEB) ## target/debian/plimsoll_*.deb, with manual, completions and the unit
	cargo build --locked --profile dist --bin plimsoll
	target/dist/plimsoll man target/man
	mkdir -p target/completions
	target/dist/plimsoll completions bash > target/completions/plimsoll
	target/dist/plimsoll completions zsh > target/completions/_plimsoll
	target/dist/plimsoll completions fish > target/completions/plimsoll.fish
	PATH="$(CURDIR)/.cache/tools/bin:$$PATH" cargo deb --profile dist --no-build

$(CARGO_DEB):
	cargo install cargo-deb --locked --root .cache/tools
