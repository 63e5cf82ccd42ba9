# make demo   set everything up and open the app
# make test   set everything up, check style and types, run the tests
PYTHON ?= python3
VENV ?= .venv
BIN := $(if $(filter Windows_NT,$(OS)),$(VENV)/Scripts,$(VENV)/bin)

.PHONY: demo test lint clean setup

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

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis build *.egg-info
