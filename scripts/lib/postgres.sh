# A real Postgres in the run's folder.
# shellcheck shell=bash

# initdb and the server refuse to be root: then they are the user `postgres`,
# whom the package makes.
postgres_user() {
  if [[ $EUID -ne 0 ]]; then return; fi
  id -u postgres >/dev/null 2>&1 || die "Postgres does not run as root; hint: make a user: useradd --system postgres"
  printf 'postgres'
}

as_postgres() {
  if [[ -n $POSTGRES_USER ]]; then
    runuser -u "$POSTGRES_USER" -- "$@"
  else
    "$@"
  fi
}

# postgres_template FOLDER: a fresh data folder, to be copied.
postgres_template() {
  local folder=$1
  as_postgres "$POSTGRES_BIN/initdb" -D "$folder" -U postgres -A trust -E UTF8 --locale=C.UTF-8 --no-sync \
    >"$folder.log" 2>&1 || {
    tail -20 "$folder.log" >&2
    die "initdb failed; its log is above"
  }
  as_postgres tee -a "$folder/postgresql.conf" <"$SERVERS/postgresql.conf" >/dev/null
}

# postgres_start TEMPLATE FOLDER: sets postgres_port. PLIMSOLL_POSTGRES_OPTIONS
# are the server's own, such as "-c shared_buffers=1GB".
postgres_start() {
  local template=$1 folder=$2 attempt
  as_postgres cp -a "$template" "$folder"
  for attempt in 1 2 3 4 5; do
    postgres_port=$(free_port)
    as_postgres rm -f "$folder/server.log"
    # setsid: Ctrl-C reaches the tests first, then this is stopped.
    if as_postgres setsid "$POSTGRES_BIN/pg_ctl" start -w -t 60 -s -D "$folder" -l "$folder/server.log" \
      -o "-p $postgres_port ${PLIMSOLL_POSTGRES_OPTIONS:-}" </dev/null >/dev/null 2>&1; then
      return
    fi
    if ! grep -q 'could not bind' "$folder/server.log"; then
      tail -20 "$folder/server.log" >&2
      die "Postgres does not start; its log is above"
    fi
    say "Postgres: port taken meanwhile, trying another ($attempt)"
  done
  die "Postgres found no free port in five attempts"
}
