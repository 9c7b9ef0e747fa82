# Everything a newcomer needs: `make ask PROMPT="…"` asks a real model, `make test` passes the tests.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(BIN)/uv
PROMPT ?= What is the capital of France?
# uv brings certificates of its own; a machine that has some trusts its own, which may be a company's.
CERTIFICATES := $(if $(wildcard /etc/ssl/certs/ca-certificates.crt),--system-certs)
INSTALL := $(UV) pip install $(CERTIFICATES) --quiet --python $(BIN)/python --require-hashes --no-deps

.PHONY: ask install test check lint format types layers lock figures clean

ask: $(VENV)/.run
	@$(BIN)/panvox ask "$$PROMPT" $(ARGS)

export PROMPT

install: $(VENV)/.run

test: $(VENV)/.dev
	$(BIN)/python -m pytest -n 2 $(ARGS)

check: lint types layers test

lint: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/flake8-async $$(find src tests benchmarks -name '*.py')

types: $(VENV)/.dev
	$(BIN)/mypy

layers: $(VENV)/.dev
	$(BIN)/lint-imports --no-cache

format: $(VENV)/.dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

figures: $(VENV)/.dev
	$(BIN)/python -m benchmarks.fanout --write BENCHMARKS.md

$(UV): requirements/uv.txt
	@echo "panvox: setting up $(VENV) (once; about half a minute)" >&2
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r $<
	@touch $@

$(VENV)/.run: requirements/run.txt pyproject.toml | $(UV)
	@$(INSTALL) -r requirements/run.txt
	@$(UV) pip install $(CERTIFICATES) --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: requirements/dev.txt $(VENV)/.run
	@$(INSTALL) -r requirements/dev.txt
	@touch $@

# Pins every part by hash; the files name no index, so any mirror will do.
COMPILE := $(UV) pip compile $(CERTIFICATES) --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-annotate --no-header $(ARGS)
lock: | $(UV)
	echo uv | $(COMPILE) - -o requirements/uv.txt
	$(COMPILE) pyproject.toml --group local --group build -o requirements/run.txt
	$(COMPILE) pyproject.toml --group local --group build --group test --group check -c requirements/run.txt -o requirements/dev.txt

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage
