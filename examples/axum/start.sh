#!/bin/sh
# Starts sessiond on port 3000 and the example on port 8080. Ctrl-C stops both.
set -eu
cd "$(dirname "$0")/../.."
export CARGO_TARGET_DIR="$PWD/target"
export SESSIOND_SERVICE_KEY='an example key of 32 characters or more'
cargo build --locked --package sessiond --package sessiond-example-axum
database=$(mktemp -d)
target/debug/sessiond --database "sqlite:$database/example.db" &
server=$!
target/debug/sessiond-example-axum &
example=$!
trap 'kill $server $example 2>/dev/null || true; wait; rm -rf "$database"' EXIT
trap 'exit 130' INT TERM
sleep 1
kill -0 $server 2>/dev/null || { echo 'sessiond did not start. Stop what uses port 3000 first.'; exit 1; }
wait $example
