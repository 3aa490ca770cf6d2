# An older plimsoll, built once for each commit: sourced from the root of the tree.

# The last commit before the changes that are not released.
BEFORE=f7f659e

# older_plimsoll [COMMIT] sets OLDER to its binary.
older_plimsoll() {
  local commit source
  commit=$(git rev-parse --short "${1:-$BEFORE}^{commit}")
  OLDER=$PWD/.cache/old/plimsoll-$commit
  if [[ ! -x $OLDER ]]; then
    source=$(mktemp -d "${TMPDIR:-/tmp}/plimsoll-$commit.XXXXXX")
    # As files of now: cargo takes older ones than what it built for built already.
    git archive "$commit" | tar -x -m -C "$source"
    mkdir -p .cache/old
    # A target folder of its own: what is built of this tree stays as it is.
    CARGO_TARGET_DIR=$PWD/.cache/old/target \
      cargo build --release --locked --manifest-path "$source/Cargo.toml" -p plimsoll --bin plimsoll
    cp .cache/old/target/release/plimsoll "$OLDER"
    rm -rf "$source"
  fi
  echo "old: $commit, new: $(git rev-parse --short HEAD)"
}
