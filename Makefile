# make demo   set everything up and open the app
# make test   set everything up, check style and types, run the tests
# make interoperability   read every export with the real readers of other tools, in an environment of their own
PYTHON ?= python3
VENV ?= .venv
BIN := $(if $(filter Windows_NT,$(OS)),$(VENV)/Scripts,$(VENV)/bin)

READERS ?= .venv-interoperability
READERS_BIN := $(if $(filter Windows_NT,$(OS)),$(READERS)/Scripts,$(READERS)/bin)

.PHONY: demo test lint scripts clean setup interoperability interoperability-setup

demo: $(VENV)/.installed
	$(BIN)/python app.py

test: lint scripts
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile

lint: $(VENV)/.installed-dev
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check .
	$(BIN)/python -m mypy refseg

# Checks of the page's scripts, where Node.js is installed. The page itself does not need it.
scripts:
	@if ! command -v node >/dev/null 2>&1; then echo "no Node.js on PATH: the page's scripts are not checked"; exit 0; fi; \
	set -e; \
	find refseg tests/js -name '*.js' -o -name '*.mjs' | while read -r script; do node --check "$$script"; done; \
	node --test tests/js/*.test.mjs; \
	if npm ci --silent 2>/dev/null; then npm run --silent lint; \
	else echo "npm could not install the linter: the style of the page's scripts is not checked"; fi

setup: $(VENV)/.installed-dev

# A half-made environment would look finished to the next run.
$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' && $(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
		echo "cannot make a virtual environment with $(PYTHON): install Python 3.10 or later with its venv module, or name one: make PYTHON=python3.12"; \
		exit 1; }

# DenseCRF is compiled on installation: where that fails the rest must not.
$(VENV)/.installed: requirements.txt | $(BIN)/python
	grep -v '^pydensecrf2' requirements.txt > $(VENV)/requirements-plain.txt
	$(BIN)/python -m pip install --quiet -r $(VENV)/requirements-plain.txt
	@$(BIN)/python -m pip install "$$(grep '^pydensecrf2' requirements.txt)" > $(VENV)/pydensecrf2.log 2>&1 \
		|| echo "pydensecrf2 could not be built (it needs a C++ compiler; see $(VENV)/pydensecrf2.log): the app runs, and offers no CRF refinement"
	touch $@

$(VENV)/.installed-dev: requirements-dev.txt $(VENV)/.installed
	$(BIN)/python -m pip install --quiet -r requirements-dev.txt
	touch $@

interoperability: $(READERS)/.installed
	$(READERS_BIN)/python -m pytest tests/interoperability

interoperability-setup: $(READERS)/.installed

# Apart from the project's own environment: the readers must not change the versions that the app is tested with.
$(READERS)/.installed: tests/interoperability/requirements.txt tests/interoperability/requirements-no-dependencies.txt
	$(PYTHON) -m venv $(READERS)
	$(READERS_BIN)/python -m pip install --quiet -r tests/interoperability/requirements.txt
	$(READERS_BIN)/python -m pip install --quiet --no-deps -r tests/interoperability/requirements-no-dependencies.txt
	touch $@

clean:
	rm -rf $(VENV) $(READERS) node_modules .pytest_cache .mypy_cache .ruff_cache .hypothesis build *.egg-info
