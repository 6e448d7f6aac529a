#!/usr/bin/env bash
# Starts a container of an image as deploy/compose.yaml does, and runs a login: `test.sh IMAGE`. Needs
# docker or podman (set DOCKER), curl and jq.
set -euo pipefail
image=$1
docker=${DOCKER:-docker}
key=$(head -c 32 /dev/urandom | base64)
container=$("$docker" run --detach --read-only --cap-drop ALL --security-opt no-new-privileges \
	--publish 127.0.0.1::3000 --env SESSIOND_SERVICE_KEY="$key" "$image")
fail() {
	echo "FAILED: $*" >&2
	"$docker" logs "$container" >&2
	exit 1
}
trap '"$docker" rm --force --volumes "$container" >/dev/null' EXIT
url=http://$("$docker" port "$container" 3000/tcp | head -1)
for _ in $(seq 100); do
	curl --silent --fail --output /dev/null "$url/readyz" && break
	sleep 0.1
done
[ "$("$docker" inspect --format '{{.Config.User}}' "$container")" = 65532:65532 ] || fail 'the user'
body='{"query": "mutation { createUser(input: {mobile: \"9012345678\", username: \"Abc\"}) { token } }"}'
token=$(curl --silent --fail "$url/graphql" --header 'content-type: application/json' \
	--header "authorization: Bearer $key" --data "$body" | jq --raw-output .data.createUser.token)
status=$(curl --silent --output /dev/null --write-out '%{http_code}' "$url/verify" \
	--header "authorization: Bearer $token")
[ "$status" = 200 ] || fail 'the token'
"$docker" stop --time 45 "$container" >/dev/null
[ "$("$docker" inspect --format '{{.State.ExitCode}}' "$container")" = 0 ] || fail 'the exit code'
echo 'The image is right.'
