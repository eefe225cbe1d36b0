#!/usr/bin/env bash
# Drive a gateway from a shell: a market that falls, an order that waits for it, a minute that
# passes. Any language that can write a line to a socket and read one can do the same.
set -euo pipefail

log=$(mktemp)
ibkr sim --port 0 --control-port 0 --manual >"$log" &
gateway=$!
trap 'kill "$gateway"; rm -f "$log"' EXIT

until [ -s "$log" ]; do sleep 0.1; done
control=$(sed -E 's/.*"control_port": ([0-9]+).*/\1/' "$log")
exec 3<>"/dev/tcp/127.0.0.1/$control"

tell() {
  echo "$1" >&3
  read -r answer <&3
  echo "$answer"
}

tell '{"command": "quote", "symbol": "AAPL", "bid": 199.99, "ask": 200.01}'
tell '{"command": "order", "client_id": 7, "order_id": 1, "symbol": "AAPL", "action": "BUY", "quantity": 5, "order_type": "LMT", "limit_price": 190}'
tell '{"command": "quote", "symbol": "AAPL", "bid": 189.97, "ask": 189.99}'
tell '{"command": "advance", "seconds": 60}'
tell '{"command": "positions"}'
tell '{"command": "fault", "kind": "cut", "on": "PlaceOrder", "handled": true}'
tell '{"command": "check", "id": "at the end"}'
