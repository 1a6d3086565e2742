# make demo    a small simulated data set through the whole of Scipion and the engine; prints where the report is
# make test    the tests
# Both make their own environment (.venv) when there is none. A GPU machine: make demo TENSORFLOW='tensorflow[and-cuda]'

PYTHON ?= python3
TENSORFLOW ?= tensorflow-cpu
VENV := .venv
STAMP := $(VENV)/.installed
BIN := $(VENV)/bin

.PHONY: demo test lint types clean

demo: $(STAMP)
	$(BIN)/python -m gmmhet.demo --folder demo

test: $(STAMP)
	$(BIN)/python -m pytest

lint: $(STAMP)
	$(BIN)/ruff check .

types: $(STAMP)
	$(BIN)/mypy

$(STAMP): setup.py
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	GMMHET_TENSORFLOW='$(TENSORFLOW)' $(BIN)/python -m pip install --quiet --editable '.[scipion,test]'
	touch $@

clean:
	rm -rf $(VENV) demo build .pytest_cache .mypy_cache .ruff_cache *.egg-info
