# Everything a user needs; each target says what it does and can be run again at any time.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
EDU    := $(BIN)/edu

.DEFAULT_GOAL := help
.PHONY: help setup run test province serve lint lock bench clean

help:            ## list the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## */\t/' | expand -t 10

setup: $(VENV)/.installed   ## virtual environment with the hash-locked packages

$(VENV)/.installed: requirements.lock pyproject.toml
	@echo "==> setting up $(VENV) (about a minute, 900 MB)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed (set PYTHON=/path/to/python3.11)"; exit 2; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { echo "python3-venv is missing: apt-get install python3-venv"; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: -r requirements.lock
	@PIP_NO_INDEX=1 $(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@$(BIN)/pip check --disable-pip-version-check
	@touch $@

run: setup       ## sample province -> load -> check -> approve -> publish -> verify
	@$(EDU) demo

test: setup lint ## lint, types and the whole test suite
	@$(BIN)/python -m pytest -n auto

province: setup  ## the long tests: a loaded province, 24 months of history, hostile files, kill -9 (many minutes)
	@EDU_INTEGRATION=1 $(BIN)/python -m pytest -n auto tests/integration tests/faults tests/history

serve: setup     ## the Dagster page on 127.0.0.1:3000
	@$(EDU) serve

lint: setup      ## ruff and mypy
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

lock:            ## re-make requirements.lock from pyproject.toml (needs a package index)
	@test -x $(BIN)/uv || $(MAKE) --no-print-directory setup
	@$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header \
	  --no-strip-extras --python-version 3.11 --extra dev pyproject.toml -o requirements.lock

bench: setup     ## benchmarks on the sample province (see benchmarks/README.md)
	@$(BIN)/python -m benchmarks.run

clean:           ## remove the demo data and caches; keeps the virtual environment
	@if [ -f data/SAMPLE ]; then rm -rf data; elif [ -d data ]; then echo "data/ is not the demo's: left alone"; fi
	@rm -rf .mypy_cache .ruff_cache .pytest_cache build *.egg-info
	@find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +
