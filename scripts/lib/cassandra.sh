# A real Cassandra, one node, in the run's folder.
# shellcheck shell=bash

# Fetches the jars once; they stay in the cache between runs.
cassandra_fetch() { jars_fetch Cassandra "about 66 MB" "$@"; }

# cassandra_start FOLDER: sets cassandra_port; writes FOLDER/pid. Returns at
# once: it takes a quarter of a minute to listen, and the tests that need it wait.
cassandra_start() {
  local folder=$1 storage
  mkdir -p "$folder"
  cassandra_port=$(free_port)
  storage=$(free_port)
  cp "$SERVERS/cassandra/logback.xml" "$folder"
  sed -e "s|@NATIVE@|$cassandra_port|g" -e "s|@STORAGE@|$storage|g" -e "s|@DATA@|$folder/data|g" \
    "$SERVERS/cassandra/cassandra.yaml" >"$folder/cassandra.yaml"
  cp "$SERVERS/cassandra/java.args" "$folder"
  {
    printf -- '-javaagent:%s\n' "$CASSANDRA_LIBS"/jamm-*.jar
    printf -- '-Dcassandra.config=file://%s\n' "$folder/cassandra.yaml"
    printf -- '-Dcassandra.storagedir=%s\n' "$folder/data"
    printf -- '-Dcassandra.jmx.local.port=%s\n' "$(free_port)"
    printf -- '-cp "%s:%s/*"\n' "$folder" "$CASSANDRA_LIBS"
    printf 'org.apache.cassandra.service.CassandraDaemon\n'
  } >>"$folder/java.args"
  # A session of its own: Ctrl-C reaches the tests first, then this is stopped.
  setsid bash -c 'echo $$ >"$0/pid"; exec java "@$0/java.args"' "$folder" \
    >>"$folder/log" 2>&1 </dev/null &
}
