# A real Kafka, one node, in the run's folder.
# shellcheck shell=bash

# kafka_release RELEASE: sets what is fetched and started for it, in `kafka`.
#
# 4.1 is what `make test` runs. The older ones are the last of the KRaft that came
# beside ZooKeeper, the first that tells topic ids, the last that does not, the first
# with headers and transactions, and the first that tells a cluster id, which plimsoll
# needs. Older ones than that start on this Java too, and are refused by plimsoll.
kafka_release() {
  kafka_of=$1
  KAFKA_LIBS=$ROOT/.cache/kafka-libs-$1
  kafka_pom=$SERVERS/older/pom.xml
  kafka_keeper=zookeeper
  case $1 in
    4.1) KAFKA_LIBS=$ROOT/.cache/kafka-libs kafka_pom=$SERVERS/pom.xml kafka_keeper=kraft ;;
    3.9) kafka_scala=2.13 kafka_version=3.9.1 kafka_keeper=kraft ;;
    2.8) kafka_scala=2.13 kafka_version=2.8.2 ;;
    2.7) kafka_scala=2.13 kafka_version=2.7.2 ;;
    0.11) kafka_scala=2.11 kafka_version=0.11.0.3 ;;
    0.10.1) kafka_scala=2.11 kafka_version=0.10.1.1 ;;
    *) die "no Kafka $1 here; hint: 4.1, 3.9, 2.8, 2.7, 0.11 or 0.10.1" ;;
  esac
  # C1 only: the broker lives for minutes, and shares two cores with the tests.
  KAFKA_JVM=(-Xms256m -Xmx1g -XX:TieredStopAtLevel=1)
  KAFKA_LOGGING=-Dlog4j.configuration=file:$SERVERS/older/log4j.properties
  if [[ $1 == 4.1 ]]; then
    KAFKA_LOGGING=-Dlog4j2.configurationFile=file:$SERVERS/log4j2.properties
  fi
  KAFKA_JVM+=("$KAFKA_LOGGING")
}

# Fetches the jars once; they stay in the cache between runs.
kafka_fetch() {
  local pom=$kafka_pom
  if [[ $kafka_of != 4.1 ]]; then
    # A file of its own: two releases may be fetched at once.
    pom=$ROOT/.cache/kafka-$kafka_of.xml
    mkdir -p "$ROOT/.cache"
    sed -e "s|@SCALA@|$kafka_scala|g" -e "s|@KAFKA@|$kafka_version|g" "$kafka_pom" >"$pom"
  fi
  jars_fetch "Kafka $kafka_of" "about 60 MB" "$KAFKA_LIBS" "$pom"
}

# kafka_start FOLDER: sets kafka_port; writes FOLDER/pid, and that of its ZooKeeper
# beside it.
kafka_start() {
  local folder=$1 attempt
  if [[ $kafka_keeper == zookeeper ]]; then zookeeper_start "$folder-zookeeper"; fi
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
  : >"$folder/log"
  kafka_port=$(free_port)
  if [[ $kafka_keeper == zookeeper ]]; then
    sed -e "s|@BROKER@|$kafka_port|g" -e "s|@ZOOKEEPER@|$zookeeper_port|g" -e "s|@DATA@|$folder/data|g" \
      "$SERVERS/older/kafka.properties" >"$folder/server.properties"
  else
    controller=$(free_port)
    sed -e "s|@BROKER@|$kafka_port|g" -e "s|@CONTROLLER@|$controller|g" -e "s|@DATA@|$folder/data|g" \
      "$SERVERS/kafka.properties" >"$folder/server.properties"
    kafka_java kafka.tools.StorageTool format -t "$KAFKA_CLUSTER_ID" -c "$folder/server.properties" \
      >"$folder/log" 2>&1
  fi
  # A session of its own: Ctrl-C reaches the tests first, then this is stopped.
  setsid bash -c 'echo $$ >"$0/pid"; exec "$@"' "$folder" \
    java "${KAFKA_JVM[@]}" -cp "$KAFKA_LIBS/*" kafka.Kafka "$folder/server.properties" \
    >>"$folder/log" 2>&1 </dev/null &
  pid=$!
  # "Kafka Server started", "[KafkaServer id=1] started", "[Kafka Server 1], started".
  until grep -Eq 'Kafka ?Server.* started' "$folder/log"; do
    kill -0 "$pid" 2>/dev/null || return 1
    ((SECONDS < deadline)) || return 1
    sleep 0.1
  done
}

# zookeeper_start FOLDER: sets zookeeper_port; writes FOLDER/pid. Of the same jars.
zookeeper_start() {
  local folder=$1 deadline=$((SECONDS + 60))
  mkdir -p "$folder"
  zookeeper_port=$(free_port)
  setsid bash -c 'echo $$ >"$0/pid"; exec "$@"' "$folder" \
    java -Xmx128m "${KAFKA_JVM[@]:2}" -Dzookeeper.admin.enableServer=false -cp "$KAFKA_LIBS/*" \
    org.apache.zookeeper.server.ZooKeeperServerMain "$zookeeper_port" "$folder/data" \
    >>"$folder/log" 2>&1 </dev/null &
  until (exec 3<>"/dev/tcp/127.0.0.1/$zookeeper_port") 2>/dev/null; do
    ((SECONDS < deadline)) || die "ZooKeeper does not start; hint: PLIMSOLL_KEEP=1 keeps its log, $folder/log"
    sleep 0.1
  done
}

kafka_java() { java "${KAFKA_JVM[@]}" -cp "$KAFKA_LIBS/*" "$@"; }
