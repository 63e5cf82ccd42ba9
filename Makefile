# make demo   set everything up and open the app
# make test   set everything up, check style and types, run the tests
# make interoperability   read every export with the real readers of other tools, in an environment of their own
PYTHON ?= python3
VENV ?= .venv
BIN := $(if $(filter Windows_NT,$(OS)),$(VENV)/Scripts,$(VENV)/bin)

READERS ?= .venv-interoperability
READERS_BIN := $(if $(filter Windows_NT,$(OS)),$(READERS)/Scripts,$(READERS)/bin)

.PHONY: demo test lint clean setup interoperability interoperability-setup

demo: $(VENV)/.installed
	$(BIN)/python app.py

test: lint
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile

lint: $(VENV)/.installed-dev
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check .
	$(BIN)/python -m mypy refseg

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
	rm -rf $(VENV) $(READERS) .pytest_cache .mypy_cache .ruff_cache .hypothesis build *.egg-info
