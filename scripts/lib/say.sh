# What the scripts print: to stderr, so that stdout stays the command's own.
# shellcheck shell=bash

say() { printf 'plimsoll: %s\n' "$*" >&2; }

die() {
  say "$@"
  exit 1
}
