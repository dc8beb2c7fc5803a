# Thin names for what the README explains. `make` alone lists them.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help run test soak check lint drift licences bench demo schema web

# How often `make soak` kills haven on each database; and the minutes after which it begins no
# further round, where it is not to take a night.
KILLS ?= 1000
MINUTES ?=

# How the schema is printed; a program that is already built saves building it.
HAVEN ?= cargo run --quiet --

help: ## list these targets
	@sed -nE 's/^([a-z]+):.*## (.*)/  make \1\t\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 18

run: ## serve on 127.0.0.1:8000, everything kept under ./data
	cargo run

test: ## every test, on SQLite and on a throwaway PostgreSQL (ARGS: passed to the test programs)
	scripts/install-missing
	@$(MAKE) --no-print-directory web
	npm ci --prefix tests/npm --no-audit --no-fund
	scripts/with-postgres cargo test --workspace $(if $(ARGS),-- $(ARGS))

soak: ## haven killed KILLS times, its database stopped, its nodes frozen, all while mail and SMS fail (for nights)
	KILLS=$(KILLS) MINUTES=$(MINUTES) scripts/with-postgres cargo test --test faults soak -- --nocapture

check: lint drift licences ## formatting, lints, drift of schema.graphql and sense.bin, what breaks clients, licences

lint: ## formatting and lints
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings

drift: ## whether schema.graphql and sense.bin are what they are made from, and whether a change of the schema breaks clients
	$(HAVEN) schema | diff --unified schema.graphql - \
		|| { echo 'schema.graphql differs from the code (above): make schema' >&2; exit 1; }
	scripts/schema-changes
	cargo run --quiet --example sense -- --check

licences: ## bans, licences and sources of dependencies, where cargo-deny is installed
	@if command -v cargo-deny >/dev/null; then cargo deny --offline check bans licenses sources; \
		else echo 'cargo-deny is not installed: bans, licences and sources not checked' >&2; fi

bench: ## statements, start, throughput, alarms and hostile documents, measured (a release build)
	scripts/with-postgres cargo run --release --example bench

demo: ## the whole story on a haven and a mail server of its own, step by step
	cargo run --quiet --example demo

schema: ## print the schema into schema.graphql
	$(HAVEN) schema >schema.graphql.new
	mv schema.graphql.new schema.graphql

web: web/dist/index.html ## build GraphiQL, for the next build of haven to embed (needs Node.js)

web/dist/index.html: web/package-lock.json web/build.mjs schema.graphql $(wildcard web/src/*)
	npm ci --prefix web --no-audit --no-fund
	npm run build --prefix web
