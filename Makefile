# Everything here works on a fresh machine with Rust and a C toolchain.
# One profile for all: what the demo built, the tests use again.

.PHONY: help demo test servers lint mutants

help: ## what there is
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile

demo: ## Kafka, the service, kill -9 and the proof, in one process tree
	cargo run --release -- demo

# Tests on servers wait more than they work.
test: export RUST_TEST_THREADS ?= 4
test: ## every test, beside a real Kafka and a real Postgres
	scripts/with-servers cargo test --release --workspace

servers: ## the two servers alone, until Ctrl-C
	@scripts/with-servers --print

lint: ## format and lints, as CI wants them
	cargo fmt --all --check
	cargo clippy --release --workspace --all-targets -- -D warnings

mutants: ## takes the guarantees out one at a time: a named test must fail for each
	scripts/with-servers scripts/mutants.sh
