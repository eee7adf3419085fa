# `make help` lists the commands. Everything is installed into .venv and runs from there.
.DEFAULT_GOAL := help
SHELL := bash
PYTHON ?= python3
BIN := .venv/bin
RUN := $(BIN)/python -m
# Tests on every core, each file in one process. Not those that print what they compare.
PARALLEL := -n logical --maxprocesses 4 --dist loadfile

.PHONY: help
help: ## list the commands
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: install
install: ## install the locked dependencies and this project into .venv (does nothing if up to date)
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 15))' || { \
	  echo "make: Python 3.11 to 3.14 is needed, but '$(PYTHON)' is $$($(PYTHON) --version 2>&1 || echo 'not there')." \
	    "Name another one: make PYTHON=python3.12 $(firstword $(MAKECMDGOALS))" >&2; exit 1; }
	@$(PYTHON) scripts/install.py

.PHONY: demo up down clean
demo: install ## file a VAT return with a real Airflow and the Altinn emulator, and show the receipt
	@$(RUN) scripts demo

up: install ## start Airflow and the Altinn emulator and leave them running
	@$(RUN) scripts up

down: ## stop what `make up` started
	@if [ -x $(BIN)/python ]; then $(RUN) scripts down; fi

clean: down ## stop, and forget all state of Airflow and the emulator (.run); .venv stays
	@rm -rf .run

.PHONY: test test-unit test-contract test-generated bench-emulator test-system test-stack test-browser
test: test-unit test-contract test-system ## run the tests that need no browser

test-unit: install ## run the fast tests only
	@$(RUN) pytest tests/unit $(PARALLEL)

PRINTING := tests/contract/test_emulator_as_recorded.py
test-contract: install ## hold the emulator to the recorded answers
	@$(RUN) pytest $(PRINTING)
	@$(RUN) pytest tests/contract --ignore $(PRINTING) $(PARALLEL)

test-generated: install ## ask the emulator some thousand requests made from Altinn's OpenAPI documents (minutes)
	@GENERATED_REQUESTS=$${GENERATED_REQUESTS:-60} $(RUN) pytest tests/contract/test_emulator_generated.py

bench-emulator: install ## measure the emulator: requests a second on one core, start and stop
	@$(RUN) scripts.bench_emulator

test-system: install ## run the tests with Airflow
	@$(RUN) pytest tests/system $(PARALLEL)

test-stack: install ## run the tests with a real Airflow: scheduler, triggerer, API server
	@$(RUN) pytest tests/stack

test-browser: install ## look at Airflow's pages in a browser (needs Debian's chromium)
	@$(RUN) pytest tests/browser

.PHONY: corpus
SHARED ?= ../shared
corpus: install ## hold the local checks to real, mutated and hostile documents (SHARED=folder names a larger corpus)
	@$(RUN) scripts.corpus $(SHARED)

.PHONY: bench
bench: install ## measure checks, imports, uploads and a whole filing against what they are compared with (BENCH=--quick)
	@$(RUN) bench $(BENCH)

.PHONY: test-backfill
test-backfill: install ## backfill years of VAT terms and file for a fleet, with a real Airflow (ten minutes)
	@$(RUN) pytest tests/backfill

.PHONY: crash chaos
crash: install ## kill every operator at every point with every fault; the emulator counts the filings (CRASH="--every 9")
	@PYTHONPATH=.:plugins $(RUN) tests.crash $(CRASH)

chaos: install ## file in a real Airflow whose parts are killed (CHAOS="--match triggerer")
	@PYTHONPATH=.:plugins $(RUN) tests.chaos $(CHAOS)

.PHONY: fuzz
fuzz: install ## run random schedules with faults against the emulator (SCHEDULES=10000 for long, SEED=... to repeat)
	@$(RUN) tests.fuzz --schedules $(or $(SCHEDULES),1000) $(if $(SEED),--seed $(SEED))

.PHONY: lint format typecheck
lint: install ## check style, formatting and types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

format: install ## format the code and sort its imports
	@$(BIN)/ruff check --fix-only --quiet . || true
	@$(BIN)/ruff format .

typecheck: install ## check types only
	@$(BIN)/mypy

.PHONY: lock wheel screenshot compose-env
lock: install ## renew requirements.lock from pyproject.toml (UV_DEFAULT_INDEX chooses another index)
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --upgrade \
	  --no-emit-index-url --no-emit-find-links --no-header --no-annotate \
	  --extra fast --group dev pyproject.toml --output-file requirements.lock
	@$(MAKE) --no-print-directory install

wheel: install ## build the wheel and the source distribution into dist/
	@$(BIN)/python -m hatchling build --directory dist

screenshot: install ## photograph the demo's run in Airflow's pages for docs/ (needs `make up` and Debian's chromium)
	@$(RUN) scripts.screenshot

compose-env: ## write a .env with random secrets for docker-compose.yaml, unless there is one
	@$(PYTHON) scripts/compose_env.py
