# A real schema registry, Apicurio, in the run's folder. It keeps its schemas in memory.
# shellcheck shell=bash

# Fetches it once; it stays in the cache between runs.
registry_fetch() { jars_fetch Apicurio "about 142 MB" "$@" unpack-dependencies; }

# registry_start FOLDER: sets registry_port; writes FOLDER/pid. Returns at once: it
# takes some ten seconds to listen, and the tests that need it wait.
registry_start() {
  local folder=$1
  mkdir -p "$folder"
  registry_port=$(free_port)
  # A session of its own: Ctrl-C reaches the tests first, then this is stopped.
  # C1 only, and little memory: it answers a few hundred questions.
  QUARKUS_HTTP_HOST=127.0.0.1 QUARKUS_HTTP_PORT=$registry_port \
    setsid bash -c 'echo $$ >"$0/pid"; cd "$0" && exec "$@"' "$folder" \
    java -Xmx256m -XX:TieredStopAtLevel=1 -jar "$REGISTRY_LIBS/apicurio-registry-app-2.6.13.Final-runner.jar" \
    >>"$folder/log" 2>&1 </dev/null &
}
