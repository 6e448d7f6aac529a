#!/usr/bin/env bash
# Installs the .deb on this machine, runs the service's command line as its user, and removes it
# again: `make package-test` calls `test.sh FOLDER`. Needs root on Debian, curl and jq.
set -euo pipefail
packages=$(realpath "$1")
cd "$(dirname "$0")/../.."
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
url=http://127.0.0.1:$port
data=/var/lib/sessiond
server=
log=$(mktemp)

fail() {
	echo "FAILED: $*" >&2
	cat "$log" >&2
	exit 1
}

# Only an installation that this test has made is removed.
! dpkg-query --status sessiond >/dev/null 2>&1 || fail 'sessiond is installed on this machine'
[ ! -e "$data" ] || fail "$data exists"
cleanup() {
	stop
	dpkg --purge sessiond >/dev/null 2>&1 || true
	rm -rf "$data" "$log"
}
trap cleanup EXIT

# Runs the command line of the unit as its user, with its settings, and waits until it serves.
start() {
	local unit=/lib/systemd/system/sessiond.service command
	command=$(sed -n 's/^ExecStart=//p' "$unit")
	(
		set -a
		# shellcheck source=/dev/null
		. "$(sed -n 's/^EnvironmentFile=//p' "$unit")"
		SESSIOND_LISTEN=127.0.0.1:$port
		umask "$(sed -n 's/^UMask=//p' "$unit")"
		exec setpriv --reuid="$(sed -n 's/^User=//p' "$unit")" --regid=sessiond --clear-groups \
			--no-new-privs "$command"
	) >> "$log" 2>&1 &
	server=$!
	for _ in $(seq 100); do
		curl --silent --fail --output /dev/null "$url/readyz" && return
		kill -0 "$server" || fail 'the server has ended'
		sleep 0.1
	done
	fail 'the server does not respond'
}

stop() {
	[ -n "$server" ] || return 0
	kill "$server" 2>/dev/null || true
	wait "$server" || fail 'the server did not end with 0'
	server=
}

operation() {
	local body
	body=$(jq --null-input --arg query "$1" '{query: $query}')
	curl --silent --fail "$url/graphql" --header 'content-type: application/json' \
		--header "authorization: Bearer $(cat /etc/sessiond/service-key)" --data "$body"
}

check() { # check TOKEN
	curl --silent --output /dev/null --write-out '%{http_code}' "$url/verify" \
		--header "authorization: Bearer $1"
}

echo 'The checksums and the contents'
(cd "$packages" && sha256sum --quiet --check SHA256SUMS)
jq --exit-status '.components | map(.name) | contains(["axum", "rustls"])' "$packages"/*.cdx.json >/dev/null ||
	fail 'the SBOM lacks crates'
! jq --exit-status '.components | map(.name) | contains(["proptest"])' "$packages"/*.cdx.json >/dev/null ||
	fail 'the SBOM has a crate of the tests'
tar --list --file "$(ls "$packages"/*-symbols.tar.gz)" | grep --quiet 'sessiond.debug' || fail 'no symbols'

echo 'Install'
dpkg --install "$packages"/*.deb >> "$log" 2>&1 || fail 'the installation'
[ "$(stat --format=%a:%U:%G /etc/sessiond/service-key)" = 640:root:sessiond ] || fail 'the key'
[ "$(stat --format=%a:%U "$data")" = 700:sessiond ] || fail 'the folder of the database'
sessiond --version | grep --quiet '^sessiond ' || fail 'the version'
man --warnings --pager=cat sessiond 2>> "$log" | grep --quiet -- '--idle-timeout' || zgrep --quiet 'idle' /usr/share/man/man1/sessiond.1.gz ||
	fail 'the manual page'
bash -c '. /usr/share/bash-completion/completions/sessiond && complete -p sessiond' >/dev/null || fail 'the completions'

echo 'The example of the file of settings'
sessiond check --listen 127.0.0.1:0 --database "sqlite:$data/none.db" --config /usr/share/doc/sessiond/settings.toml >> "$log" ||
	fail 'the example of the settings'

echo 'The unit'
systemd-analyze verify /lib/systemd/system/sessiond.service 2>> "$log" || fail 'systemd-analyze verify'
systemd-analyze security --offline=true --threshold=20 /lib/systemd/system/sessiond.service >> "$log" 2>&1 ||
	fail 'systemd-analyze security'

echo 'A user, a token check and a backup as the user of the service'
start
token=$(operation 'mutation { createUser(input: {mobile: "9012345678", username: "Abc"}) { token } }' |
	jq --raw-output .data.createUser.token)
[ "$(check "$token")" = 200 ] || fail 'the token'
[ "$(check sd1_nothing)" = 401 ] || fail 'a wrong token'
setpriv --reuid=sessiond --regid=sessiond --clear-groups \
	sessiond backup --database "sqlite:$data/sessiond.db" "$data/backup.db" >> "$log" || fail 'the backup'
stop

echo 'Upgrade over the database of the first version'
mv "$data/sessiond.db" "$data/current.db"
rm -f "$data"/sessiond.db-*
python3 - "$data/sessiond.db" <<'PYTHON'
import pathlib, sqlite3, sys
connection = sqlite3.connect(sys.argv[1])
connection.executescript(pathlib.Path("src/store/sqlite/schema.sql").read_text())
connection.executescript("""
    PRAGMA application_id = 0x73645001;
    PRAGMA user_version = 1;
    INSERT INTO users VALUES (randomblob(16), '+491510000001', 'Ada', NULL, 1, 2, randomblob(16),
        NULL, NULL, 1, 0, x'');
""")
PYTHON
chown sessiond: "$data/sessiond.db"
echo 'SESSIOND_RETENTION=30d' >> /etc/sessiond/sessiond.env
dpkg --install "$packages"/*.deb >> "$log" 2>&1 || fail 'the upgrade'
grep --quiet 'SESSIOND_RETENTION=30d' /etc/sessiond/sessiond.env || fail 'the settings were lost'
start
found=$(operation '{ user(mobile: "+491510000001") { username } }' | jq --raw-output .data.user.username)
[ "$found" = Ada ] || fail 'the user of the first version'
stop

echo 'Remove'
dpkg --remove sessiond >> "$log" 2>&1 || fail 'the removal'
[ -e "$data/sessiond.db" ] || fail 'the database was removed'
[ ! -e /usr/bin/sessiond ] || fail 'the binary was left'
dpkg --purge sessiond >> "$log" 2>&1 || fail 'the purge'
[ ! -e /etc/sessiond ] || fail 'the settings were left'
echo 'The package is right.'
