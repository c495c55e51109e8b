# The whole developer interface. Needs only make and Python 3.11 to 3.13 with venv and pip;
# everything else is set up in .venv. Another interpreter: make demo PYTHON=python3.12

SHELL := /bin/bash
.DEFAULT_GOAL := help

# The first suitable Python on the PATH, or python3 so that its message says what is missing.
PYTHON ?= $(shell for candidate in python3 python3.13 python3.12 python3.11; do \
	$$candidate -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null \
	&& echo $$candidate && exit; done; echo python3)

# Relative on purpose: a checkout's path may hold spaces.
VENV := .venv/bin
RUN := $(VENV)/python -m
DEMO_ARGS ?=
PYTEST_ARGS ?=
BENCH_ARGS ?= --ray --large

# What the caller's shell says of other environments is not ours; without compiled modules every start is slow.
unexport PYTHONPATH PYTHONHOME VIRTUAL_ENV PYTEST_ADDOPTS PYTHONDONTWRITEBYTECODE

.PHONY: help demo test test-fast test-long test-numpy search matrix check format bench docs pins clean env-core env-test env-dev

help:  ## Say what there is
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1\t\2/p' Makefile | expand -t 20

demo: env-core  ## Three parties, three processes, mutual TLS, one real table (DEMO_ARGS=--two-party: nobody helps)
	@$(RUN) junto demo $(DEMO_ARGS)

# One file of tests at a time to each worker, and one thread of linear algebra. Two workers use two processors;
# where tests wait for networks, a third one does.
BOTH := -n 2 --dist loadfile
BUSY := -n 3 --dist loadfile
test test-fast test-long search: export OMP_NUM_THREADS := 1

test: env-test  ## The whole test suite (under 12 minutes)
	@$(RUN) pytest -m "not long" $(BUSY) $(PYTEST_ARGS)

test-long: env-test  ## Further members of rules that a smaller test in the suite holds
	@$(RUN) pytest -m long $(BOTH) $(PYTEST_ARGS)

# The quick tests of each module.
FAST := tests/unit tests/vectors
test-fast: env-test  ## The quick tests of each module (under 90 s)
	@$(RUN) pytest $(FAST) -m "not ray and not slow and not bench and not long" --hypothesis-profile fast $(BUSY) $(PYTEST_ARGS)

# The tests that come to a kernel, without the compiled ones.
NUMPY := tests/unit/native tests/unit/mpc tests/unit/join tests/properties/test_mpc_kernels.py
test-numpy: export JUNTO_KERNELS := numpy
test-numpy: export OMP_NUM_THREADS := 1
test-numpy: env-test  ## What the C kernels do, done by their twins in numpy
	@$(RUN) pytest $(NUMPY) -m "not slow" --hypothesis-profile fast $(BOTH) $(PYTEST_ARGS)

check: env-dev  ## Lint, format, types, layers
	$(VENV)/ruff check .
	$(VENV)/ruff format --check .
	$(RUN) mypy
	$(VENV)/lint-imports

format: env-dev  ## Rewrite the sources as `make check` wants them
	$(VENV)/ruff check --fix .
	$(VENV)/ruff format .

search: env-test  ## Properties with other tries each time, and four times as many
	@$(RUN) pytest tests/properties tests/security tests/unit -m "not ray and not slow and not bench and not long" --hypothesis-profile search $(BOTH) $(PYTEST_ARGS)

matrix: env-dev  ## Install the wheel in empty environments, each extra with its oldest and newest libraries
	@$(VENV)/python tools/matrix.py

bench: env-test  ## Measure, beside the ceilings of this machine; writes docs/benchmarks.md
	@$(RUN) benchmarks $(BENCH_ARGS)

docs: env-dev  ## Build the documentation into site/, with every link checked
	@NO_MKDOCS_2_WARNING=1 $(VENV)/mkdocs build --strict --quiet

pins: env-core  ## Resolve requirements/*.in into the pinned *.txt (with the oldest Python)
	@$(VENV)/python tools/pin.py

clean:  ## Remove the environment and everything that was built
	rm -rf .venv site build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	rm -f src/junto/native/_kernels.*
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

env-core env-test env-dev:
	@command -v "$(PYTHON)" >/dev/null || { echo 'no "$(PYTHON)" on the PATH: install Python 3.11 to 3.13, or name one: make demo PYTHON=python3.12' >&2; exit 1; }
	@"$(PYTHON)" tools/environment.py $(@:env-%=%)
