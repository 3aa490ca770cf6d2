# Servers that come as jars.
# shellcheck shell=bash

# jars_fetch NAME SIZE LIBS POM [GOAL]: fetches a pom's dependencies into LIBS, as
# copy-dependencies does or another goal.
jars_fetch() {
  local name=$1 size=$2 libs=$3 pom=$4 goal=dependency:${5:-copy-dependencies} fresh
  # The mark holds the pom they came from: another version is fetched anew.
  if cmp -s "$pom" "$libs/.pom"; then return; fi
  say "fetching $name (once, $size)"
  mkdir -p "$(dirname "$libs")"
  fresh=$(mktemp -d "$libs.XXXXXX")
  # Anew, even if Maven remembers that it unpacked them into a folder that is gone.
  mvn -B -q -f "$pom" "$goal" -DoutputDirectory="$fresh" -DoverWriteReleases=true </dev/null >&2 ||
    die "$name's jars could not be fetched; hint: mvn -f ${pom#"$PWD"/} $goal shows why"
  cp "$pom" "$fresh/.pom"
  chmod 755 "$fresh" # mktemp's are for the owner alone
  rm -rf "$libs"
  mv "$fresh" "$libs"
}
