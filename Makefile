# The ways to use this repository; `make help` lists them.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
# What was begun and failed is not there.
.DELETE_ON_ERROR:

# What the binary is built with: the app, and the page of /dev/room.
APP := web/dist/index.html
PAGE := web/dev/dist/page.js
APP_SOURCES := $(shell find web/src web/public web/scripts -type f -not -name schema.d.ts) \
	$(wildcard web/*.html web/*.ts web/*.json)
ARGS ?= --dev

.PHONY: help
help: ## This list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 16

.PHONY: run
run: ## Installs, builds and starts the server in development mode (ARGS="--dev --bind 0.0.0.0" for other flags)
	@.ci/need cargo cc node npm
	@$(MAKE) --no-print-directory $(APP) $(PAGE)
	cargo build --release --locked --features page
	target/release/visavis serve $(ARGS)

.PHONY: build
build: ## The release binary, target/release/visavis
	@.ci/need cargo cc node npm
	@$(MAKE) --no-print-directory $(APP) $(PAGE)
	cargo build --release --locked --features page

.PHONY: check
check: ## Format, lints, house rules and unit tests of the server
	@.ci/need cargo cc
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --features oidc --locked -- -D warnings
	cargo test --workspace --lib --test house --features oidc --locked --quiet

.PHONY: check-app
check-app: web/node_modules/.package-lock.json ## The web app's types, lints and unit tests
	cd web && npm run --silent check

.PHONY: test
test: ## Everything: check, integration tests, LiveKit's own clients, the app in browsers (installs what they need)
	@.ci/need cargo cc node npm python3
	@$(MAKE) --no-print-directory check
	@$(MAKE) --no-print-directory check-app
	@$(MAKE) --no-print-directory $(APP) $(PAGE)
	cargo test --workspace --locked --quiet --features page,oidc --test '*'
	@# The integration tests have built the binary that the clients join.
	VISAVIS_BIN=target/debug/visavis tests/clients/run

.PHONY: test-app
test-app: ## The part of `test` that is the web app as people use it, in Chromium and Firefox
	@.ci/need cargo cc node npm python3
	@$(MAKE) --no-print-directory $(APP) $(PAGE)
	cargo build --locked --features page
	VISAVIS_BIN=target/debug/visavis tests/clients/run --app

.PHONY: adapt
adapt: ## Renews benches/ADAPT.md: video over bad lines, simulated in virtual time
	@.ci/need cargo cc
	cargo bench --quiet --locked --bench adapt > benches/ADAPT.md.new
	mv benches/ADAPT.md.new benches/ADAPT.md

.PHONY: replay
replay: ## Plays a call again that `visavis call export` wrote down (FILE=call.jsonl), simulated in virtual time
	@.ci/need cargo cc
	cargo bench --quiet --locked --bench adapt -- --replay "$(abspath $(FILE))"

.PHONY: screenshots
screenshots: ## Pictures of every page in every size, by Chromium, into tests/clients/out/screenshots
	@.ci/need cargo cc node npm python3
	@$(MAKE) --no-print-directory $(APP) $(PAGE)
	cargo build --locked --features page
	VISAVIS_BIN=target/debug/visavis tests/clients/run --screenshots

.PHONY: openapi
openapi: ## Renews web/openapi.json, the API's description that the web app is made against
	@.ci/need cargo cc
	cargo run --quiet --locked -- openapi --dev > web/openapi.json.new
	mv web/openapi.json.new web/openapi.json

.PHONY: clean
clean: ## Removes everything that was built or installed here
	cargo clean
	rm -rf web/node_modules web/dist web/dev/node_modules web/dev/dist tests/clients/node_modules tests/clients/.venv tests/clients/out

# npm notes in this file what it has installed, last of all.
web/node_modules/.package-lock.json: web/package.json web/package-lock.json
	cd web && npm ci --no-progress

$(APP): web/node_modules/.package-lock.json $(APP_SOURCES)
	cd web && npm run --silent build

# The try-out page's script with livekit-client in it.
$(PAGE): web/dev/page.js web/dev/package.json web/dev/package-lock.json
	cd web/dev && npm ci --no-progress && npm run --silent build
