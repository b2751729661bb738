# `make help` lists the targets. The first run makes .venv; later ones start at once unless a requirements file
# has changed. PYTHON names the interpreter that makes it: make serve PYTHON=python3.12
# PREFIX/bin is where `install` puts the command: make install PREFIX=/opt

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PREFIX ?= $(HOME)/.local
TRIBUTARY := $(BIN)/python -P functions/tributary.py
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet
PARALLEL := $(BIN)/python -m pytest -n auto --dist worksteal --durations=10
SOURCES := $(wildcard main.py lib functions schemas) $(if $(wildcard infra/*.py),infra)

# A PYTHON that was asked for by name must be the one in .venv; the default takes the .venv that is there.
ifneq ($(origin PYTHON),file)
ifneq ($(PYTHON),$(shell cat $(VENV)/.python 2>/dev/null))
$(VENV)/.python: FORCE
endif
endif

.DEFAULT_GOAL := help
.PHONY: help serve install uninstall test test-full check format openapi map plan deploy infra-files check-infra clean FORCE

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

serve: $(VENV)/.runtime ## run the hub on this machine: HTTP, background work and ticker in one process, data in var/
	@exec $(TRIBUTARY) serve

install: $(VENV)/.runtime ## put the command `tributary` on the path, in ~/.local/bin (or PREFIX=…)
	@PYTHONPATH=. $(BIN)/python functions/command/launcher.py install "$(PREFIX)"

uninstall: ## remove that command
	@PYTHONPATH=. $(PYTHON) functions/command/launcher.py uninstall "$(PREFIX)"

# Both run in several processes and print their ten slowest tests; tests/conftest.py says how many processes. What
# ARGS holds comes last and so prevails: make test ARGS="tests/domain -k merge", ARGS="-n 0" for one process.
test: $(VENV)/.tests ## the tests, without the long ones: make test ARGS="tests/domain -k merge"
	$(PARALLEL) -m "not full" $(ARGS)

test-full: $(VENV)/.tests ## all the tests; ARGS as above
	$(PARALLEL) $(ARGS)

check: $(VENV)/.tests ## lint, format, types, and the rules of the house
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy $(SOURCES)
	$(BIN)/python -m pytest tests/house

format: $(VENV)/.tests ## put the code in the form that `check` asks for
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

openapi: $(VENV)/.runtime ## write schemas/openapi.json, docs/routes.md and docs/kcidb-schema.md from their tables
	$(TRIBUTARY) admin openapi

map: $(VENV)/.tests ## write the map of the packages into lib/__init__.py, CONTRIBUTING.md and the packages
	$(BIN)/python -m tests.house.rooms

plan: $(VENV)/.runtime ## print what `deploy` would run: make plan PROJECT=… REGION=… (infra/README.md)
	@$(BIN)/python -m infra plan

deploy: $(VENV)/.infra ## provision the hub in Google Cloud, as often as you like: make deploy PROJECT=… REGION=…
	@$(BIN)/python -m infra deploy

infra-files: $(VENV)/.runtime ## write the generated files of infra/
	$(BIN)/python -m infra files

check-infra: $(VENV)/.tests ## have gcloud and Firebase's tools read what infra/ makes, where they are installed
	$(BIN)/python -m infra.check

clean: ## remove .venv and the caches; never var/, which holds data
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The interpreter: refused when too old, kept when it works and is the version asked for, else made anew.
$(VENV)/.python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  found=$$($(PYTHON) --version 2>&1) || found='not found, or does not run'; \
	  echo "Python 3.11 or newer is needed; '$(PYTHON)' is $$found." >&2; \
	  echo "Name another one: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 1; }
	@version='import sys; print(sys.version_info[:2])'; \
	if [ "$$($(BIN)/python -c "$$version" 2>/dev/null)" != "$$($(PYTHON) -c "$$version")" ]; then \
	  echo "Making $(VENV) with $$($(PYTHON) --version)"; \
	  $(PYTHON) -m venv --clear $(VENV); \
	fi
	@echo "$(PYTHON)" > $@

$(VENV)/.runtime: requirements.txt $(VENV)/.python
	@echo "Installing $<"
	@$(PIP) -r $<
	@touch $@

$(VENV)/.infra: infra/requirements.txt $(VENV)/.runtime
	@echo "Installing $<"
	@$(PIP) -r $<
	@touch $@

# Includes the two others, so one pip run does for all.
$(VENV)/.tests: tests/requirements.txt infra/requirements.txt requirements.txt $(VENV)/.python
	@echo "Installing $<"
	@$(PIP) -r $<
	@touch $(VENV)/.runtime $(VENV)/.infra $@
