#!/bin/sh
# Starts sessiond on port 3000 and nginx on port 8080. Ctrl-C stops both.
set -eu
cd "$(dirname "$0")/../.."
nginx=$(PATH="$PATH:/usr/sbin" command -v nginx) || { echo 'Install nginx first.'; exit 1; }
make --no-print-directory trial
folder=$(mktemp -d)
cp -r examples/nginx-gateway/nginx.conf examples/nginx-gateway/site "$folder"
# Workers that root starts run as another user.
chmod 755 "$folder"
SESSIOND_SERVICE_KEY=$(od -An -N32 -tx1 /dev/urandom | tr -d ' \n') \
SESSIOND_CLIENT_IP_SOURCE=x-real-ip \
SESSIOND_DATABASE="sqlite:$folder/sessiond.db" target/trial/sessiond &
sessiond=$!
"$nginx" -p "$folder" -c nginx.conf -e stderr &
gateway=$!
trap 'kill $sessiond $gateway 2>/dev/null || true; wait; rm -rf "$folder"' EXIT
trap 'exit 130' INT TERM
sleep 1
kill -0 $sessiond 2>/dev/null || { echo 'sessiond did not start. Stop what uses port 3000 first.'; exit 1; }
echo 'Open http://127.0.0.1:8080'
wait $gateway
