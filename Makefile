# Needs make and Python >= 3.11; everything else goes into .venv. `make` alone lists the targets.
# Another interpreter: make clean, make PYTHON=python3.12 test. Arguments for pytest: make test ARGS="-k stream".

PYTHON ?= python3
ARGS ?=

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet
TOO_OLD := aigc-labeler needs Python >= 3.11: make PYTHON=/path/to/python3.11 ...

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test lint bench clean

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/make \1\t\2/p' Makefile | expand -t 14

demo: $(VENV)/.demo ## see it work: four questions and a picture through a gateway, before and after
	@$(BIN)/labeler demo

test: $(VENV)/.dev ## run all tests
	$(BIN)/python -m pytest $(ARGS)

lint: $(VENV)/.dev ## check style, format and types
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

bench: $(VENV)/.dev ## measure what the labels cost
	$(BIN)/python -m benchmarks $(ARGS)

clean: ## remove the virtual environment, caches and builds
	rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Stamps: what is installed, as of which pyproject.toml.

$(VENV)/.demo: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "$(TOO_OLD)" or 0)'
	$(PYTHON) -m venv $(VENV)
	$(PIP) --upgrade 'pip>=25.1'  # the first that reads [dependency-groups]
	$(PIP) --editable '.[all]'
	@touch $@

$(VENV)/.dev: $(VENV)/.demo
	$(PIP) --group dev
	@touch $@
