# SPDX-License-Identifier: Apache-2.0
# Everything a person does twice. `make demo` and `make test` set up their own .venv.

PYTHON ?= python3
BENCHES := virtual-rse4 virtual-fvp-rdv3-cfg2
BIN := .venv/bin

.PHONY: help demo test unit testcases lint format types contracts check bench wheel clean setup

help:
	@echo "make demo       run the testcases on both virtual benches and show the verdicts"
	@echo "make test       the harness's own tests, then the testcases on both virtual benches"
	@echo "make check      linters, type checker and import contract"
	@echo "make bench      speed of capture and console beside other harnesses, and a chaos run; takes an hour"
	@echo "make wheel      build the wheel and check what it installs"
	@echo "make clean      remove .venv, runs and caches"

setup:
	@command -v $(PYTHON) >/dev/null || { echo "setup: no $(PYTHON) on PATH; rse-hil needs Python 3.11 to 3.13"; exit 1; }
	@$(PYTHON) ci/setup_venv.py

demo: setup
	@$(BIN)/python ci/run_benches.py --runs runs $(BENCHES)

unit: setup
	$(BIN)/pytest tests -n 4 --dist worksteal

testcases: setup
	$(BIN)/python ci/run_benches.py --runs runs $(BENCHES)

test: unit testcases

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: setup
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

types: setup
	$(BIN)/mypy

contracts: setup
	$(BIN)/lint-imports

check: lint types contracts

bench: setup
	$(BIN)/python -m benchmarks.capture --giga
	$(BIN)/python -m benchmarks.latency
	$(BIN)/python -m benchmarks.consoles
	$(BIN)/python -m benchmarks.soak
	$(BIN)/python -m benchmarks.start_stop
	$(BIN)/python -m benchmarks.chaos

wheel: setup
	$(BIN)/python ci/check_wheel.py

clean:
	rm -rf .venv .venv.lock runs build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
