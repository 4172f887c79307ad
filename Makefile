# Image Factory: what a developer types. `make help` lists it.
SHELL := /bin/bash
.DEFAULT_GOAL := help

# One target folder for all checkouts of a user: dependencies compile once.
export CARGO_TARGET_DIR ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/image-factory/target
# Test tools that are no Debian packages; see `make tools`.
export IMAGE_FACTORY_TOOLS ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/image-factory/tools
# Where tests write which real parts they used.
export IMAGE_FACTORY_TEST_REPORT ?= $(CARGO_TARGET_DIR)/test-report.tsv

.PHONY: help
help: ## This list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 22

.PHONY: own-target
own-target:
	@scripts/own-target

.PHONY: build
build: own-target ## The release binary
	cargo build --release --locked --package image-factory

.PHONY: demo
demo: own-target ## A push becomes an image, end to end, on this machine (KEEP=1 leaves the server running)
	@scripts/demo

.PHONY: test
test: own-target ## Every test that fits into a stop; ends with a table of the real parts it used
	@scripts/test

.PHONY: test-full
test-full: own-target ## `make test`, and the long ones: kill rounds, soaks, larger simulations
	@scripts/test --full

.PHONY: lint
lint: own-target ## Formatting, clippy, dependency policy, generated files
	@scripts/lint

.PHONY: bench
bench: own-target ## Processor time of planning, committing, running and serving; nothing here is a timed test
	@scripts/bench

.PHONY: bench-engine
bench-engine: own-target ## The engine beside Restate, Temporal and DBOS (ROUNDS=2 ONLY=a,b ENGINES=… MARKDOWN=FILE)
	@scripts/bench-engine

.PHONY: install-tools
install-tools: ## What tests and demo need from the system's package manager
	@scripts/install-tools

.PHONY: tools
tools: ## Test tools that need a Go build, into IMAGE_FACTORY_TOOLS
	@scripts/build-go-tools

.PHONY: generate
generate: own-target ## Schema, reference pages and snapshots, from the code
	UPDATE=1 cargo test --workspace --locked --quiet

.PHONY: clean
clean: ## What this checkout has built, not the dependencies
	cargo clean --workspace
