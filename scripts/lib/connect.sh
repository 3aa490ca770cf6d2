# What Kafka Connect loads: Debezium, and a converter that writes Avro. Connect itself
# comes with Kafka; tests start it.
# shellcheck shell=bash

# connect_fetch FOLDER: fetches both once, each below a folder of its own; sets
# connect_plugins.
connect_fetch() {
  jars_fetch Debezium "about 5 MB" "$1/debezium" "$SERVERS/connect/debezium.xml" unpack-dependencies
  local converter=$1/apicurio/converter
  jars_fetch "Apicurio's converter" "about 10 MB" "$converter" "$SERVERS/connect/converter.xml"
  connect_plugins=$1/debezium,$1/apicurio
  # The converter does not list its classes as Connect wants it: without the list each
  # start looks into all jars, for ten seconds.
  if ! compgen -G "$converter/*shim*.jar" >/dev/null; then
    kafka_java org.apache.kafka.tools.ConnectPluginPath sync-manifests --plugin-path "$1/apicurio" \
      >"$converter/shim.log" 2>&1 ||
      die "the converter's classes could not be listed; hint: $converter/shim.log shows why"
  fi
}
