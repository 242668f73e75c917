# Everything a newcomer needs. Each target sets up .venv from nothing when it has to.
SHELL := /bin/bash
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
STAMP := $(VENV)/.ready-for-development
ROUNDS ?= 10
DEMO := examples/01-chat-and-pretrain

# Nothing is written outside the checkout, caches of packages included.
export UV_CACHE_DIR ?= $(CURDIR)/.cache/uv
export PIP_CACHE_DIR ?= $(CURDIR)/.cache/pip

.PHONY: demo tour test test-measure test-servers test-clients fuzz check format schemas cloud wheel lock bench bench-lifecycle bench-clouds bench-placement soak clean

# Plan, apply, change and destroy the first example on the local data centre.
demo: $(READY)
	@bash examples/demo.sh $(abspath $(BIN))/dcplan $(DEMO)

# The examples that use AWS or Google Cloud, from plan to destroy, on clouds of this machine that sell out half-way.
tour: $(STAMP)
	@PYTHONPATH=tests $(BIN)/python -m clouds.tour

# All tests, after the checks of style, types and architecture.
test: check
	$(BIN)/python -m pytest -n auto

# The tests of dcplan measure that need PyTorch, where its CPU build can be had.
test-measure: $(STAMP)
	@bash .ci/measure $(abspath $(BIN))/python

# The tests of remote state against a second S3 server, where it can be had.
test-servers: $(STAMP)
	@bash .ci/servers $(abspath $(BIN))/python

# dcplan-gcp against Google's own clients, where they can be had.
test-clients: $(STAMP)
	@bash .ci/clients $(abspath $(BIN))/python

# Generated tests with new examples, ROUNDS times; the first that fails ends it and says how to see it again.
fuzz: $(STAMP)
	for round in $$(seq $(ROUNDS)); do \
	  HYPOTHESIS_PROFILE=new $(BIN)/python -m pytest -q -x -n auto tests/property tests/unit tests/constraints || exit 1; \
	done

# Kills (a tenth as many again on each server of state), full disks, damaged files, cancelled jobs, generated states: an
# hour and a half on two cores; less with SOAK_KILLS=100.
SOAK_KILLS ?= 1000
SOAK_OUT ?= .cache/soak
soak: $(STAMP)
	SOAK_OUT=$(SOAK_OUT) SOAK_KILLS=$(SOAK_KILLS) $(BIN)/python -m pytest -q -n auto tests/soak
	SOAK_EXAMPLES=500 HYPOTHESIS_PROFILE=new $(BIN)/python -m pytest -q -n auto --timeout 0 \
	  tests/property/test_state_machine.py
	$(BIN)/python tests/support/kill_storm.py $(SOAK_OUT)

# Formatting, lint, types, the staircase of imports.
check: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Write the code the way the formatter wants it, and mend what the linter can.
format: $(STAMP)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# Write schemas/*.json anew from the code.
schemas: $(STAMP)
	$(BIN)/python -m dcplan.schema

# A cloud on this machine, to try dcplan without an account: CLOUD=aws or gcp; prints what to export.
CLOUD ?= aws
cloud: $(STAMP)
	@PYTHONPATH=tests $(BIN)/python -m clouds.$(CLOUD) --variables

# Build the wheels of the core and of the providers, and try the core's in an empty environment.
wheel: $(STAMP)
	bash .ci/wheel $(abspath $(BIN))/python

# Time and memory of the commands that users wait for; figures go to docs/benchmarks.md.
bench: $(STAMP)
	$(BIN)/python benchmarks/run.py

# Plans, applies and refreshes of 1,000 to 100,000 resources, beside Terraform: half an hour.
bench-lifecycle: $(STAMP)
	$(BIN)/python benchmarks/lifecycle.py

# What AWS and Google Cloud add to plans, applies and refreshes, on servers of this machine: three minutes.
bench-clouds: $(STAMP)
	$(BIN)/python benchmarks/clouds.py

# What placement finds beside its bounds, on instances that are made or ship with the benchmarks: minutes.
bench-placement: $(STAMP)
	$(BIN)/python benchmarks/defrag_nvl72.py --check
	$(BIN)/python benchmarks/gangs_fabric.py --check
	$(BIN)/python benchmarks/hierarchy_100k.py --check
	$(BIN)/python benchmarks/ranks.py
	$(BIN)/python benchmarks/covering_melange.py
	$(BIN)/python benchmarks/tasks_dag.py
	$(BIN)/python benchmarks/replan.py --check

# Pin every version with its hashes; no registry address is written.
lock: $(STAMP)
	bash .ci/lock

# Forget everything that was set up or built.
clean:
	rm -rf $(VENV) .cache build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis *.egg-info

# .venv with the pinned versions that users get, and dcplan itself: what the demo needs.
$(READY): pyproject.toml requirements.lock
	@bash .ci/setup $(VENV) requirements.lock
	@touch $@

# The same with the tools that developers need, and the providers.
$(STAMP): pyproject.toml requirements-dev.lock $(wildcard providers/*/pyproject.toml)
	@bash .ci/setup $(VENV) requirements-dev.lock $(dir $(wildcard providers/*/pyproject.toml))
	@touch $@ $(READY)
