PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test coverage clean

demo: $(VENV)/.demo
	$(BIN)/tts-gym evaluate synthetic-small -c zoo --plot runs/demo/frontier.png

test: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pytest

coverage: $(VENV)/.dev
	NUMBA_DISABLE_JIT=1 $(BIN)/pytest --cov=src/tts_gym --cov-report=term-missing:skip-covered --cov-fail-under=95

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --editable '.[report]'
	touch $@

$(VENV)/.dev: pyproject.toml constraints-dev.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --editable '.[dev]' --constraint constraints-dev.txt
	touch $@ $(VENV)/.demo

clean:
	rm -rf $(VENV) runs .pytest_cache .mypy_cache .ruff_cache
