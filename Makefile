# make demo    a small simulated data set through the whole of Scipion and the engine; prints where the report is
# make test    the tests, in two processes at a time of one thread each (JOBS=N: in so many; each takes about 2 GB)
# make docs    the documentation in build/docs, and a run of the commands in it; make site: without that run
# make docs-pictures  the pictures of the documentation again (Chromium and Xvfb are needed)
# make dist    sdist and wheel in dist, and a trial of the wheel in a fresh environment
# make scipion a trial of installation, upgrade and removal by Scipion's plugin manager, in a fresh Scipion
#              (TRIAL=--all-tests: and of every test in one without TensorFlow)
# All make their own environment (.venv) when there is none. A GPU machine: make demo TENSORFLOW='tensorflow[and-cuda]'

PYTHON ?= $(shell python3 -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null && echo python3 || echo python3.11)
TENSORFLOW ?= tensorflow-cpu
VENV := .venv
STAMP := $(VENV)/.installed
TOOLS := $(VENV)/.tools
BIN := $(VENV)/bin
JOBS ?= 2
SUDO := $(shell test "$$(id -u)" = 0 || echo sudo -n)
NEEDS := import ensurepip, tkinter, venv

.PHONY: demo test lint types site docs docs-pictures dist scipion clean

demo: $(STAMP)
	$(BIN)/python -m gmmhet.demo --folder demo

test: $(STAMP)
	OMP_NUM_THREADS=1 TF_NUM_INTRAOP_THREADS=1 TF_NUM_INTEROP_THREADS=1 $(BIN)/python -m pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder

lint: $(STAMP)
	$(BIN)/ruff check .

types: $(STAMP)
	$(BIN)/mypy

site: $(TOOLS)
	$(BIN)/python -m sphinx -W --keep-going --quiet -b html docs build/docs
	$(BIN)/python docs/links.py build/docs

docs: site
	$(BIN)/python docs/check.py

docs-pictures: $(STAMP)
	$(BIN)/python docs/pictures.py --work build/docs-pictures

dist: $(TOOLS)
	rm -rf dist
	$(BIN)/python -m build --outdir dist .
	$(BIN)/python release/check_wheel.py dist --tensorflow '$(TENSORFLOW)'

scipion: $(STAMP)
	$(BIN)/python release/check_scipion.py --tensorflow '$(TENSORFLOW)' $(TRIAL)

# Debian keeps two parts of Python in packages of their own; Scipion imports the second even without a screen.
$(STAMP): setup.py
	@$(PYTHON) -c '$(NEEDS)' 2>/dev/null || { echo 'Installing python3-venv and python3-tk'; \
	    $(SUDO) apt-get update -qq && $(SUDO) apt-get install -y -qq python3-venv python3-tk; }
	@$(PYTHON) -c '$(NEEDS)' || { echo 'Python 3.11 with venv and tkinter is needed ($(PYTHON) has not both);' \
	    'on Debian: apt-get install python3-venv python3-tk' >&2; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	GMMHET_TENSORFLOW='$(TENSORFLOW)' $(BIN)/python -m pip install --quiet --editable '.[scipion,test]'
	touch $@

# Sphinx and the builder of packages, for those who need them.
$(TOOLS): $(STAMP)
	GMMHET_TENSORFLOW='$(TENSORFLOW)' $(BIN)/python -m pip install --quiet --editable '.[scipion,test,docs,dist]'
	touch $@

clean:
	rm -rf $(VENV) demo build dist docs/generated .pytest_cache .mypy_cache .ruff_cache *.egg-info
