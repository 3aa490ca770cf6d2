# A real Kafka, one node, in the run's folder.
# shellcheck shell=bash

# Fetches the jars once; they stay in the cache between runs.
kafka_fetch() { jars_fetch Kafka "about 60 MB" "$@"; }

# kafka_start FOLDER: sets kafka_port; writes FOLDER/pid.
kafka_start() {
  local folder=$1 attempt
  for attempt in 1 2 3 4 5; do
    if kafka_try "$folder"; then return; fi
    if ! grep -q 'Address already in use' "$folder/log"; then
      tail -30 "$folder/log" >&2
      die "Kafka does not start; its log is above"
    fi
    say "Kafka: port taken meanwhile, trying another ($attempt)"
    rm -rf "$folder"
  done
  die "Kafka found no free port in five attempts"
}

kafka_try() {
  local folder=$1 controller pid deadline=$((SECONDS + 120))
  mkdir -p "$folder"
  kafka_port=$(free_port)
  controller=$(free_port)
  sed -e "s|@BROKER@|$kafka_port|g" -e "s|@CONTROLLER@|$controller|g" -e "s|@DATA@|$folder/data|g" \
    "$SERVERS/kafka.properties" >"$folder/server.properties"
  kafka_java kafka.tools.StorageTool format -t "$KAFKA_CLUSTER_ID" -c "$folder/server.properties" >"$folder/log" 2>&1
  # A session of its own: Ctrl-C reaches the tests first, then this is stopped.
  setsid bash -c 'echo $$ >"$0/pid"; exec "$@"' "$folder" \
    java "${KAFKA_JVM[@]}" -cp "$KAFKA_LIBS/*" kafka.Kafka "$folder/server.properties" \
    >>"$folder/log" 2>&1 </dev/null &
  pid=$!
  until grep -q 'Kafka Server started' "$folder/log"; do
    kill -0 "$pid" 2>/dev/null || return 1
    ((SECONDS < deadline)) || return 1
    sleep 0.1
  done
}

kafka_java() { java "${KAFKA_JVM[@]}" -cp "$KAFKA_LIBS/*" "$@"; }
