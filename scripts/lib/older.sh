# An older plimsoll, built once for each commit: sourced from the root of the tree.

# older_plimsoll COMMIT sets OLDER to its binary.
older_plimsoll() {
  local commit source
  commit=$(git rev-parse --short "$1^{commit}")
  OLDER=$PWD/.cache/old/plimsoll-$commit
  if [[ ! -x $OLDER ]]; then
    source=$(mktemp -d "${TMPDIR:-/tmp}/plimsoll-$commit.XXXXXX")
    git archive "$commit" | tar -x -C "$source"
    mkdir -p .cache/old
    # A target folder of its own: what is built of this tree stays as it is.
    CARGO_TARGET_DIR=$PWD/.cache/old/target \
      cargo build --release --locked --manifest-path "$source/Cargo.toml" -p plimsoll --bin plimsoll
    cp .cache/old/target/release/plimsoll "$OLDER"
    rm -rf "$source"
  fi
  echo "old: $commit, new: $(git rev-parse --short HEAD)"
}
