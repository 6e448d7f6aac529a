#!/bin/sh
# Starts sessiond on port 3000 and the bank on port 8080. Ctrl-C stops both.
set -eu
cd "$(dirname "$0")/../.."
make --no-print-directory trial example-bank
folder=$(mktemp -d)
SESSIOND_SERVICE_KEY=$(od -An -N32 -tx1 /dev/urandom | tr -d ' \n')
export SESSIOND_SERVICE_KEY
target/trial/sessiond --database "sqlite:$folder/sessiond.db" --allowed-origin http://127.0.0.1:8080 &
sessiond=$!
node examples/bank/server.js &
example=$!
trap 'kill $sessiond $example 2>/dev/null || true; wait; rm -rf "$folder"' EXIT
trap 'exit 130' INT TERM
sleep 1
kill -0 $sessiond 2>/dev/null || { echo 'sessiond did not start. Stop what uses port 3000 first.'; exit 1; }
wait $example
