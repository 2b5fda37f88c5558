# SPDX-License-Identifier: Apache-2.0
# Thin wrappers: each target is one or two commands of the tools in .venv. `make` alone lists them.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed
SEED ?=
WORKERS ?= 2
PYTEST := $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal
FETCH_FORMAL = $(BIN)/python -c 'import pyosys' 2>/dev/null || $(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[formal]"

.PHONY: help setup demo test verilog sim regress coverage synth formal soak mutation mutation-golden lint clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP) ## create .venv with everything pinned (again only when pyproject.toml changes)

$(STAMP): pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "error: $(PYTHON) not found; install Python 3.11 or newer, or name one: make setup PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(v < (3, 11) and f"error: Python {v[0]}.{v[1]} is too old, 3.11 or newer is needed; name one: make setup PYTHON=python3.12")'
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "error: Python has no ensurepip or venv; install it (Debian and Ubuntu: apt install python3-venv)" >&2; exit 1; }
	@command -v g++ >/dev/null || { echo "error: g++ not found; install it (Debian and Ubuntu: apt install g++)" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[$$($(BIN)/python -m verif.sim.toolchain --extras)]"
	@touch $@
	@echo "ready: see what else there is with 'make', or check the tools with '$(BIN)/nms doctor'"

demo: $(STAMP) ## select samples with the generated hardware and train on them
	$(BIN)/nms demo --out build/demo

test: $(STAMP) ## tool check, then all tests but the slow ones
	$(BIN)/nms doctor
	$(PYTEST) -m "not slow" verif

verilog: $(STAMP) ## Verilog and manifest of the presets edge and tiny in build/rtl
	$(BIN)/nms verilog --preset edge --out build/rtl
	$(BIN)/nms verilog --preset tiny --out build/rtl

sim: $(STAMP) ## full cocotb and compiled regressions in Verilator (SEED=n replays one)
	$(BIN)/nms doctor
	$(if $(SEED),COCOTB_RANDOM_SEED=$(SEED)) $(PYTEST) verif/cocotb verif/sim

regress: $(STAMP) ## every test and proof but mutation, then the results by testpoint (SEED=n replays one)
	$(BIN)/nms doctor
	@mkdir -p build/regress && rm -f build/regress/*.xml build/formal/report.json
	@$(FETCH_FORMAL)
	@rm -rf build/coverage/functional; failed=0; \
	$(if $(SEED),COCOTB_RANDOM_SEED=$(SEED)) NMS_COVERAGE=functional $(PYTEST) --junit-xml=build/regress/tests.xml verif || failed=1; \
	$(BIN)/python -m verif.formal --workers $(WORKERS) || failed=1; \
	$(BIN)/python -m verif.coverage --kind functional || failed=1; \
	$(BIN)/python -m verif.testplan --results build/regress/tests.xml --proofs build/formal/report.json || failed=1; \
	exit $$failed

coverage: $(STAMP) ## functional coverage, then lines and toggles of the generated Verilog by block
	$(BIN)/python -m verif.coverage --run --workers $(WORKERS)

synth: $(STAMP) ## area and clock of tiny and edge on an ECP5 against the baseline (two hours; needs .[synth])
	$(BIN)/python -m scripts.synth --preset tiny --block top --check
	$(BIN)/python -m scripts.synth --preset edge --block distance_array --block top --check

formal: $(STAMP) ## proofs for all inputs, each with a broken variant that must be refuted (fetches .[formal])
	@$(FETCH_FORMAL)
	$(BIN)/python -m verif.formal --workers $(WORKERS)

soak: $(STAMP) ## 5,000 random jobs of both engines with faults, on the compiled tiny (SEED=n replays one)
	$(BIN)/python -m verif.soak --jobs 5000 --seed $(or $(SEED),1)

mutation: $(STAMP) ## faults in the netlist of tiny, one by one: which the regression tells (hours; goes on where it was)
	@$(FETCH_FORMAL)
	$(BIN)/python -m verif.mutation

mutation-golden: $(STAMP) ## faults in the golden model, one by one: which its tests tell (goes on where it was; SEED=n draws others)
	$(BIN)/python -m verif.mutation.golden --seed $(or $(SEED),1)

lint: $(STAMP) ## ruff (lint and format) and pyright
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright

clean: ## remove build/ and caches (.venv stays)
	rm -rf build .pytest_cache .ruff_cache .hypothesis *.egg-info
	find . -path ./.venv -prune -o -name __pycache__ -type d -print0 | xargs -0 rm -rf
