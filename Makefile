# The ways to use this repository; `make help` lists them.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

PAGE := web/dev/dist/page.js
ARGS ?= --dev

.PHONY: help
help: ## This list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 16

.PHONY: run
run: ## Installs, builds and starts the server with a page to try it on (ARGS="--dev --bind 0.0.0.0" for other flags)
	@.ci/need cargo cc node npm
	@$(MAKE) --no-print-directory $(PAGE)
	cargo build --release --locked --features page
	target/release/visavis serve $(ARGS)

.PHONY: build
build: ## The release binary, target/release/visavis
	@.ci/need cargo cc node npm
	@$(MAKE) --no-print-directory $(PAGE)
	cargo build --release --locked --features page

.PHONY: check
check: ## Format, lints, house rules and unit tests
	@.ci/need cargo cc
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --features oidc --locked -- -D warnings
	cargo test --workspace --lib --test house --features oidc --locked --quiet

.PHONY: test
test: ## Everything: check, integration tests, LiveKit's own clients and browsers (installs what they need)
	@.ci/need cargo cc node npm python3
	@$(MAKE) --no-print-directory check
	@$(MAKE) --no-print-directory $(PAGE)
	cargo test --workspace --locked --quiet --features page,oidc --test '*'
	@# The integration tests have built the binary that the clients join.
	VISAVIS_BIN=target/debug/visavis tests/clients/run

.PHONY: openapi
openapi: ## Renews web/openapi.json, the API's description that the web app is made against
	@.ci/need cargo cc
	cargo run --quiet --locked -- openapi --dev > web/openapi.json.new
	mv web/openapi.json.new web/openapi.json

.PHONY: clean
clean: ## Removes everything that was built or installed here
	cargo clean
	rm -rf web/dev/node_modules web/dev/dist tests/clients/node_modules tests/clients/.venv tests/clients/out

# The page's script with livekit-client in it.
$(PAGE): web/dev/page.js web/dev/package.json web/dev/package-lock.json
	cd web/dev && npm ci --no-progress && npm run --silent build
