# Needs Python 3.11 or newer, pip and make. Everything else is installed into .venv from the lock file.
# Resolved before the path is changed below: the environment's own Python has no pip.
PYTHON := $(or $(PYTHON),$(shell command -v python3))
VENV := .venv
STAMP := $(VENV)/.setup
export PATH := $(abspath $(VENV)/bin):$(PATH)
# Processes are started often; where this is set, each would compile all that it imports again, for seconds.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup demo up down test test-all check chaos chaos-full fuzz siege protos docs bench clean

help:  ## Print the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

setup: $(STAMP)  ## Install everything into .venv, from the lock file

# pip comes from the outer Python, because ensurepip is missing on some systems. `--inexact` keeps uv in the environment.
$(STAMP): pyproject.toml uv.lock
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed, this is " + sys.version)'
	test -x $(VENV)/bin/python || $(PYTHON) -m venv --without-pip $(VENV)
	test -x $(VENV)/bin/uv || $(PYTHON) -m pip --python $(VENV)/bin/python install --quiet --disable-pip-version-check 'uv>=0.9,<1'
	$(VENV)/bin/uv sync --quiet --frozen --inexact --extra all
	@touch $(STAMP)

demo: setup  ## Cut VIDEO (or a sample film) into clips under OUT [out], with a suite started for it
	@reelsmith demo $${VIDEO:+"$$VIDEO"} --out "$${OUT:-out}"

up: setup  ## Start the suite and keep it running
	@reelsmith up

down: setup  ## Stop the suite
	@reelsmith down

# One thread for each process, as workers have it.
PYTEST := OPENBLAS_NUM_THREADS=1 python -m pytest -n $${JOBS:-0} --dist loadfile --no-loadscope-reorder

test: setup  ## Run the tests, JOBS [0] files at a time; missing tools are skipped with a reason
	@$(PYTEST) -m "not slow"

test-all: setup  ## Run these and those that are marked as slow
	@$(PYTEST)

check: setup  ## Lint, formatting, fresh stubs, buf lint, borders between packages
	@ruff check .
	@ruff format --check .
	@python -m pytest -q tests/test_protos.py tests/test_architecture.py

fuzz: setup  ## Look for inputs that parsers trip over, SECONDS_EACH [600] long; what is learned stays in out/fuzz
	@uv sync --quiet --frozen --inexact --extra all --group fuzz
	@set -e; for name in $$(python -m tests.fuzz.coverage); do \
	  echo "== $$name"; python -m tests.fuzz.coverage "$$name" "$${SECONDS_EACH:-600}"; done

siege: setup  ## Call every method with CALLS [1000000] made messages, on a suite started for it under out/siege
	@python -m deploy.local up --home out/siege --detach --ephemeral-ports
	@python -m tests.fuzz out/siege --calls "$${CALLS:-1000000}" --seconds 86400; code=$$?; \
	  python -m deploy.local down --home out/siege; exit $$code

protos: setup  ## Generate the stubs from the protos, and the schema of the settings from their models
	@sh protos/generate.sh
	@python -m tests.settings_schema

chaos: setup  ## Kill, freeze and fail the job manager for five minutes; the report is out/chaos/report.md
	@python -m tests.chaos.harness

chaos-full: setup  ## The same for half an hour
	@python -m tests.chaos.harness --full

docs: setup  ## Write docs/reference from the protos, settings, metrics and errors
	@python docs/generate.py

bench: setup  ## Measure every figure of benchmarks/
	@set -e; for script in benchmarks/[a-z]*.py; do echo "== $$script"; python "$$script"; done

clean:  ## Remove caches and demo results; .venv stays
	@rm -rf out dist .pytest_cache .ruff_cache .hypothesis
	@find . -name __pycache__ -type d -not -path './$(VENV)/*' -prune -exec rm -rf {} +
