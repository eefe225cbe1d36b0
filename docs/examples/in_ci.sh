#!/usr/bin/env bash
# Start a gateway, run a program against it, stop it. The program is told the port.
set -euo pipefail

log=$(mktemp)
ibkr sim --port 0 --seed 7 >"$log" &
gateway=$!
trap 'kill "$gateway"; rm -f "$log"' EXIT

until [ -s "$log" ]; do sleep 0.1; done
port=$(sed -E 's/.*"port": ([0-9]+).*/\1/' "$log")

IB_PORT=$port "$@"
