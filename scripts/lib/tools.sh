# JDK, Maven and Postgres: found, installed by apt, or asked for.
# shellcheck shell=bash

# The folder of initdb and pg_ctl; Debian keeps them outside of PATH.
postgres_bin() {
  local candidate best=""
  if candidate=$(command -v initdb); then
    dirname "$(readlink -f "$candidate")"
    return
  fi
  for candidate in /usr/lib/postgresql/*/bin/initdb /usr/pgsql-*/bin/initdb; do
    [[ -x $candidate ]] && best=$(printf '%s\n%s\n' "$best" "$candidate" | sort -V | tail -1)
  done
  [[ -n $best ]] && dirname "$best"
}

# A java of 17 or newer, which Kafka 4 needs.
java_fits() {
  local version
  command -v java >/dev/null || return 1
  version=$(java -version 2>&1 | sed -n 's/.*version "\([0-9]*\).*/\1/p' | head -1)
  [[ -n $version && $version -ge 17 ]]
}

need_tools() {
  local packages=()
  java_fits || packages+=(default-jdk-headless)
  command -v mvn >/dev/null || packages+=(maven)
  postgres_bin >/dev/null || packages+=(postgresql)
  [[ ${#packages[@]} -eq 0 ]] && return

  if [[ $EUID -eq 0 ]] && command -v apt-get >/dev/null; then
    say "installing ${packages[*]}"
    apt_install "${packages[@]}"
    java_fits || die "the java here is too old: Kafka 4.1 needs 17 or newer; hint: put one first in PATH"
    command -v mvn >/dev/null || die "no mvn, although the package maven is installed"
    postgres_bin >/dev/null || die "no initdb, although the package postgresql is installed"
    return
  fi
  say "the tests run against a real Kafka 4.1 and a real Postgres; missing here: ${packages[*]}"
  die "hint: apt-get install ${packages[*]}   (or: JDK 17 or newer, Maven 3, Postgres 14 or newer with initdb in PATH)"
}

apt_install() {
  # Debian's package would start a server of its own on port 5432. Ours live in
  # temporary folders, and nothing else shall stay behind.
  if [[ ! -e /etc/postgresql-common/createcluster.conf ]]; then
    mkdir -p /etc/postgresql-common
    printf 'create_main_cluster = false\n' >/etc/postgresql-common/createcluster.conf
  fi
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -q </dev/null >&2
  apt-get install -q -y --no-install-recommends \
    -o Dpkg::Options::=--force-confold "$@" </dev/null >&2
}

# promtool, which judges the alerts. Debian has it in a package whose server would
# begin to run: only the tool is taken out of it.
promtool_bin() {
  local tools=$ROOT/.cache/tools fresh
  if command -v promtool; then return; fi
  if [[ ! -x $tools/promtool ]]; then
    command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null ||
      die "the alerts' tests need promtool; hint: put it in PATH (https://prometheus.io/download)"
    say "fetching promtool (once, about 20 MB)"
    mkdir -p "$tools"
    fresh=$(mktemp -d "$tools/prometheus.XXXXXX")
    # A fresh machine knows no packages yet.
    (cd "$fresh" && { apt-get download -q prometheus || { apt-get update -q && apt-get download -q prometheus; }; } &&
      dpkg-deb -x prometheus_*.deb .) </dev/null >&2 ||
      die "promtool could not be fetched; hint: apt-get update, or put promtool in PATH"
    mv "$fresh/usr/bin/promtool" "$tools/promtool"
    rm -rf "$fresh"
  fi
  printf '%s' "$tools/promtool"
}
