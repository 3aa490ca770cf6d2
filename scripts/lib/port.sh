# Ports on 127.0.0.1.
# shellcheck shell=bash

# A port that nobody listens on. Below the range from which the system takes
# ports for outgoing connections, so that none of those can take it before the
# server binds it. Two runs can still choose the same: a server that fails to
# bind is started again on another.
free_port() {
  local port
  while true; do
    port=$((10000 + (RANDOM * 32768 + RANDOM) % 20000))
    (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || break
  done
  printf '%s' "$port"
}
