# The commands of the project; `make` alone lists them.
.DEFAULT_GOAL := help
.PHONY: help run test format bench clean

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
ARGS ?=

help:  ## print this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# One set-up per change of the locked versions or of the package's metadata.
$(STAMP): requirements.lock pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@

run: $(STAMP)  ## set up and run the main job (pass options in ARGS="...")
	$(BIN)/pillarsim run $(ARGS)

test: $(STAMP)  ## set up, then lint, check types and run every test
	@.ci/packages
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest $(ARGS)

format: $(STAMP)  ## set up, then format the code and sort the imports
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(STAMP)  ## set up and run the benchmarks (ratios within one run)
	@set -e; for script in benchmarks/bench_*.py; do \
	    test -f "$$script" || { echo "no benchmarks/bench_*.py here" >&2; exit 1; }; \
	    echo "== $$script"; $(BIN)/python "$$script" $(ARGS); done

clean:  ## remove the environment, builds and caches
	rm -rf $(VENV) build dist *.egg-info .coverage htmlcov .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
