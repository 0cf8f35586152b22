# Daybook. `make` shows the targets; each installs the Debian packages it lacks by itself.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help setup build run test soak simulate mutations bench fuzz format lint clean

BINARY  := .build/release/daybook
ARGS    ?=
# Libraries the binary links, then tools that only tests or benchmarks call.
LIBRARIES   := libsqlite3-dev libcurl4-openssl-dev liblz4-dev libssl-dev pkg-config
TEST_TOOLS  := lz4 sqlite3 python3-venv
BENCH_TOOLS := nginx-light wrk lz4 curl postgresql-15 python3-venv
# From PyPI, for the benchmarks alone.
BENCH_PYTHON := duckdb==2.0.1

help: ## show this
	@sed -nE 's/^([a-z]+):[^#]*## (.*)/  make \1|\2/p' $(MAKEFILE_LIST) | column -t -s '|'

setup: ## install everything that build, test and bench need
	@scripts/setup $(LIBRARIES) $(TEST_TOOLS) $(BENCH_TOOLS)

build: ## the release binary, at .build/release/daybook
	@scripts/setup $(LIBRARIES)
	@scripts/swift-build -c release --product daybook

run: build ## build, then serve with its data in ./daybook-data or DAYBOOK_DATA (ARGS="--config FILE" adds flags)
	@exec $(BINARY) serve $(ARGS)

test: ## every check: style, unit, end to end, SDK, fuzz, benchmarks once
	@scripts/setup $(LIBRARIES) $(TEST_TOOLS)
	@scripts/test

soak: ## the sweeps that `test` samples, whole, then the random mix for MIX_SECONDS (600)
	@scripts/setup $(LIBRARIES) $(TEST_TOOLS)
	@scripts/soak $(or $(MIX_SECONDS),600)

bench: ## the yardsticks, measured here and now (ARGS="NAME ..." picks some)
	@scripts/setup $(LIBRARIES) $(BENCH_TOOLS)
	@scripts/swift-build -c release --product Benchmarks --product daybook
	@scripts/bench-python $(BENCH_PYTHON)
	@exec .build/release/Benchmarks $(ARGS)

simulate: ## crash a ledger on a simulated disk for SECONDS (60), or one SEED alone
	@scripts/setup $(LIBRARIES)
	@scripts/swift-build -c release --product Simulator
	@exec .build/release/Simulator $(if $(SEED),--seed $(SEED),--seconds $(or $(SECONDS),60))

mutations: ## take out each sync and each check in turn, and show which test fails (half an hour)
	@scripts/setup $(LIBRARIES)
	@scripts/mutations $(ARGS)

fuzz: ## feed the parsers with libFuzzer for SECONDS_EACH seconds each (60)
	@scripts/setup $(LIBRARIES)
	@scripts/fuzz $(or $(SECONDS_EACH),60)

format: ## rewrite the sources in the house style
	@git ls-files -co --exclude-standard '*.swift' -z \
	  | xargs -0 swift format -i --parallel --configuration .swift-format

lint: ## say where the house style is broken, change nothing
	@scripts/lint

clean: ## remove what was built, never data
	@rm -rf .build .build-fuzz .venv .venv-bench Tests/SDK/__pycache__ Tests/SDK/.pytest_cache
