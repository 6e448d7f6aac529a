# `make run` serves, `make test` checks everything that CI checks. Both build what is missing.

CARGO ?= cargo
BINARY := target/release/sessiond
NODE := $(shell command -v npm 2>/dev/null)
# A MongoDB-compatible server for the tests of the MongoDB store; not needed where MONGODB_URI names a replica set.
SECANTUSD ?= $(abspath target/secantusd/bin/secantusd-py)
SECANTUSDB := secantusdb==0.7.0b3
CLIENTS := tests/clients/node_modules/.package-lock.json
PLAYGROUND := playground/dist/index.html
PLAYGROUND_SOURCES := $(shell find playground -type f -not -path '*/node_modules/*' -not -path '*/dist/*' 2>/dev/null)

.PHONY: run test bench lint rust clients playground binary schema clean

run: playground binary
	$(BINARY)

test: lint rust clients

## Format, lints, and documentation without a broken link.
lint:
	$(CARGO) fmt --check
	$(CARGO) clippy --all-targets --locked -- --deny warnings
	RUSTDOCFLAGS='--deny warnings' $(CARGO) doc --no-deps --document-private-items --locked

## Unit, property, store and API tests.
rust: $(if $(MONGODB_URI),,$(SECANTUSD))
	$(if $(MONGODB_URI),,SECANTUSD=$(SECANTUSD)) $(CARGO) test --locked

## Figures of two release nodes, beside what the database alone does.
bench: $(if $(MONGODB_URI),,$(SECANTUSD))
	$(if $(MONGODB_URI),,SECANTUSD=$(SECANTUSD)) $(CARGO) bench --locked --bench figures

$(abspath target/secantusd/bin/secantusd-py):
	python3 -m venv target/secantusd
	target/secantusd/bin/pip install --quiet --disable-pip-version-check $(SECANTUSDB)

## Clients from npm against the release binary.
clients: need-node playground binary $(CLIENTS)
	cd tests/clients && SESSIOND=$(abspath $(BINARY)) npm test

binary:
	$(CARGO) build --release --locked

## Renews schema.graphql.
schema:
	$(CARGO) run --quiet --locked -- schema > schema.graphql.new && mv schema.graphql.new schema.graphql

ifdef NODE
playground: $(PLAYGROUND)
else
playground:
	@echo 'Node is missing: serving everything but the playground.'
endif

$(PLAYGROUND): $(PLAYGROUND_SOURCES)
	cd playground && npm ci --no-audit --no-fund && npm run build
	@touch $@

$(CLIENTS): tests/clients/package-lock.json
	cd tests/clients && npm ci --no-audit --no-fund

.PHONY: need-node
need-node:
	@command -v npm >/dev/null || { echo 'The client tests need Node 20 or later, with npm.'; exit 1; }

clean:
	$(CARGO) clean
	rm -rf playground/dist/assets playground/dist/index.html playground/node_modules tests/clients/node_modules
