PYTHON ?= python3
PORT ?= 8501
VENV := .venv
BIN := $(VENV)/bin

.PHONY: app test bench clean

app: $(VENV)/.app  ## the app on 127.0.0.1
	@$(BIN)/streamlit run app.py --server.port $(PORT)

test: $(VENV)/.dev  ## every test
	@$(BIN)/ruff check .
	@$(BIN)/python -m tests.chromium
	@$(BIN)/python -m pytest $(ARGS)

bench: $(VENV)/.dev  ## the benchmark tables
	@$(BIN)/python -m benchmarks.step_time
	@$(BIN)/python -m tests.chromium
	@$(BIN)/python -m benchmarks.studio
	@$(BIN)/python -m benchmarks.watching

$(BIN)/python:
	@$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11) and f'Python 3.11 or newer is needed; $(PYTHON) is {sys.version.split()[0]}. Try: make PYTHON=python3.12')"
	@echo "making $(VENV) (the first time only, some minutes)"
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }

$(VENV)/.app: requirements.txt | $(BIN)/python
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

$(VENV)/.dev: requirements.txt requirements-dev.txt requirements-tensorboard.txt | $(BIN)/python
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@ $(VENV)/.app

clean:  ## remove the virtual environment
	rm -rf $(VENV)
