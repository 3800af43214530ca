# xfusion-bench: `make help` lists what there is. Every target sets up .venv by itself when it is missing.
#
# Variables:
#   PRESET=smoke|small|default|...   sizes and budget (default: default)
#   ARCH=dual_tower,single_tower     only these architectures (default: all)
#   SEEDS=0,1,2                      these seeds (default: the sweep's own)
#   JOBS=2                           runs at a time (default: one per core on a CPU)
#   PYTHON=/path/to/python           an environment that exists, instead of .venv
#   FRESH=1                          train again what is already done

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

ifdef PYTHON
ready :=
else
PYTHON := .venv/bin/python
ready := .venv/.ready
endif

sweep_arguments = $(PRESET) $(if $(ARCH),'model.architecture=[$(ARCH)]') $(if $(SEEDS),'seed=[$(SEEDS)]') \
	$(if $(JOBS),launcher.jobs=$(JOBS)) $(if $(filter-out 0,$(FRESH)),--fresh)
# More threads than cores only wait for each other: the tests run two processes of one thread.
one_thread := OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE

.PHONY: help sweep-noise sweep-ratio sweep-architectures tune figures fingerprints regress bless bench bench-gate \
	bench-growth test test-slow lint zoo zoo-check docs

help:                 ## list the targets and variables
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## */\t/' | expand -t 24
	@sed -nE 's/^#   ([A-Z]+=)/  \1/p' $(MAKEFILE_LIST)

sweep-noise: $(ready)          ## every architecture x image noise on captioning samples: results/noise/
	@$(PYTHON) -m sweeps run noise $(sweep_arguments)

sweep-ratio: $(ready)          ## every architecture x share of text-to-image samples: results/ratio/
	@$(PYTHON) -m sweeps run ratio $(sweep_arguments)

sweep-architectures: $(ready)  ## the architectures side by side: results/architecture/
	@$(PYTHON) -m sweeps run architecture $(sweep_arguments)

tune: $(ready)                 ## each architecture's own learning rate, on validation data: tuned/architecture.yaml
	@$(PYTHON) -m sweeps tune architecture $(PRESET) $(if $(ARCH),'model.architecture=[$(ARCH)]') \
	  $(if $(JOBS),launcher.jobs=$(JOBS))

figures: $(ready)              ## the paper's figures from all stored runs, and every results folder drawn anew
	@$(PYTHON) -m reports figures

# Always trained anew: in folders of this moment, from data encoded anew. Checkpoints do not stay.
moment := $(shell date -u +%Y%m%dT%H%M%SZ)
gate_runs = cache=$$(mktemp -d); trap 'rm -rf "$$cache" runs/$(moment)/*/checkpoints' EXIT; \
	$(PYTHON) -m sweeps run regress gate $(if $(SEEDS),'seed=[$(SEEDS)]') $(if $(JOBS),launcher.jobs=$(JOBS)) \
	--into $(moment) runtime.cache="$$cache"

prints := results/regress-fingerprints-$(moment)/fingerprints.json

fingerprints: $(ready)         ## quantities on the way from data to score against the baseline (a minute)
	@$(one_thread) $(PYTHON) -m bench fingerprint --into $(prints)
	@$(PYTHON) -m reports regress $(prints)

regress: $(ready)              ## fingerprints, then every architecture trained anew, small, against the baseline (minutes)
	@$(one_thread) $(PYTHON) -m bench fingerprint --into $(prints)
	@drifted=0; $(PYTHON) -m reports regress $(prints) || { drifted=$$?; test $$drifted = 1; }; \
	$(gate_runs) || test $$? = 1; $(PYTHON) -m reports regress results/regress-gate*-$(moment) || \
	{ drifted=$$?; test $$drifted = 1; }; exit $$drifted

bless: SEEDS = 0,1,2,3,4,5,6,7,8,9
bless: $(ready)                ## make what the code does now the baseline of `make regress`: shows the difference, asks
	@$(PYTHON) -m bench fingerprint --measure --into $(prints)
	@$(PYTHON) -m reports bless $(prints)
	@$(gate_runs); $(PYTHON) -m reports bless results/regress-gate*-$(moment)

test: $(ready)                 ## the default tests (minutes)
	@$(one_thread) $(PYTHON) -m pytest

test-slow: $(ready)            ## only the slow tests
	@$(one_thread) $(PYTHON) -m pytest -m slow

bench: $(ready)                ## speed and memory against the floor, the literal way and other libraries (10 minutes)
	@$(one_thread) $(PYTHON) -m benchmarks --json results/bench/$$(date -u +%Y%m%dT%H%M%SZ).json

bench-growth: $(ready)         ## a step's cost against its size, ours and literal, with a figure (5 minutes)
	@$(one_thread) $(PYTHON) -m benchmarks --growth results/bench/growth-$$(date -u +%Y%m%dT%H%M%SZ)

bench-gate: $(ready)           ## does `make regress` raise alarms when it should, and only then? (an hour)
	@$(one_thread) $(PYTHON) -m benchmarks.reliability.gate

lint: $(ready)                 ## ruff and mypy
	@$(PYTHON) -m ruff check .
	@$(PYTHON) -m mypy

zoo: $(ready)                  ## build the embedded weights again (minutes; deterministic)
	@$(PYTHON) -m bench zoo build

zoo-check: $(ready)            ## measure the embedded weights against their bounds
	@$(PYTHON) -m bench zoo check

docs: $(ready)                 ## draw the figures of docs/ and its table of settings anew
	@$(PYTHON) -m docs.figures
	@$(PYTHON) -m docs.settings

# The stamp is older than the requirements after they change, and the set-up runs again.
.venv/.ready: setup.cfg constraints.txt
	@if ! test -x .venv/bin/python; then \
	  for python in python3.11 python3.12 python3 python; do \
	    if $$python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 13))' 2>/dev/null; then \
	      echo "Setting up .venv with $$python (a few minutes, about 6 GB)"; $$python -m venv .venv; break; fi; done; \
	  test -x .venv/bin/python || { echo "No Python 3.11 or 3.12 found: install one, or pass PYTHON=" >&2; exit 2; }; fi
	@.venv/bin/python -m pip install --quiet --disable-pip-version-check -e '.[test]' -c constraints.txt
	@touch $@
