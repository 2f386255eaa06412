# Two commands from a fresh clone: `make demo` and `make test`. Everything lands in .venv; nothing else is touched.

VENV := .venv
BIN := $(VENV)/bin
# The first Python that is new enough; PYTHON=... overrides. Run, not only found: a shim may lead nowhere.
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input install --quiet
# pytest's -n; tests are few and mostly wait for git and the disk.
JOBS ?= 2
PYTEST := $(BIN)/python -m pytest
ARGS ?=

.DELETE_ON_ERROR:
.PHONY: help setup docs demo test check format canary model hunt messages mutants test-crash test-crash-sample test-systemd test-packages test-image bench soak man dist deb release pins clean

help: ## say what there is to make
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 20

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "error: no Python 3.11 or later found" >&2; \
		echo "hint: apt-get install python3, or make PYTHON=/path/to/python3" >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "error: $(PYTHON) cannot make a virtual environment" >&2; \
		echo "hint: apt-get install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

# A stamp is newer than what it was installed from. Build isolation would fetch an unpinned setuptools: it is pinned instead.
$(VENV)/.run: pyproject.toml requirements/run.txt | $(BIN)/python
	$(PIP) -r requirements/run.txt
	$(PIP) --no-build-isolation --no-deps --editable .
	$(BIN)/python -m compileall -q configvault
	@touch $@

$(VENV)/.dev: requirements/dev.txt $(VENV)/.run
	$(PIP) -r requirements/dev.txt
	@touch $@

setup: $(VENV)/.dev ## everything a developer needs, into .venv

demo: $(VENV)/.run ## a tour in a temporary folder
	$(BIN)/configvault demo

test: $(VENV)/.dev ## all tests that need nothing but this machine
	$(PYTEST) -n $(JOBS) --dist worksteal $(ARGS)

check: $(VENV)/.dev ## lint, format, types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/.dev ## put every file in form
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

model: $(VENV)/.dev ## play a model beside the real thing, two minutes or longer (ARGS='--model-seconds 7200', '-k fresh --model-seed N')
	$(PYTEST) -s tests/model $(ARGS)

$(VENV)/.mutants: requirements/mutants.txt $(VENV)/.dev
	$(PIP) -r requirements/mutants.txt
	@touch $@

messages: $(VENV)/.dev ## bring the catalogues of messages up to date; prints what has to be translated
	cd tests && PYTHONPATH=.:.. ../$(BIN)/python catalogue.py

mutants: $(VENV)/.mutants ## change the program a little, many times: which changes does no test notice? (ARGS='--sample 50 root/')
	$(BIN)/python tests/mutants.py --jobs $(JOBS) $(ARGS)

canary: $(VENV)/.dev ## changes that make a plugin fail, and noise, 20 times each: is every verdict right? (RUNS=100)
	CANARY_RUNS=$(or $(RUNS),20) $(PYTEST) -n $(JOBS) tests/test_canary.py $(ARGS)

test-crash: $(VENV)/.dev ## kill, fill the disk, cut the power at every state-changing call (long)
	$(PYTEST) -n $(JOBS) --dist worksteal tests/crash $(ARGS)

test-crash-sample: $(VENV)/.dev ## the same at a fixed sample of the calls
	$(PYTEST) -n $(JOBS) --dist worksteal tests/crash --crash-sample $(ARGS)

test-systemd: $(VENV)/.dev ## the units under a real systemd (root)
	$(PYTEST) tests/systemd $(ARGS)

hunt: $(VENV)/.dev ## look for inputs whose cost grows faster than their length (SECONDS=3600, ARGS='SEED SUBJECT...')
	cd tests && PYTHONPATH=. ../$(BIN)/python growth.py $(or $(SECONDS),3600) $(ARGS)

soak: $(VENV)/.dev ## 10,000 changes under a real daemon: what grows (an hour; ARGS=1000: a part)
	$(BIN)/python -m benchmarks.soak $(ARGS)

bench: $(VENV)/.dev ## what things cost beside others, into docs/benchmarks/ (ARGS='--sizes 20,1000,10000,100000', '--quick', '--help')
	$(BIN)/python -m benchmarks $(ARGS)

man: $(VENV)/.run ## the manual pages, into build/man/
	@mkdir -p build/man
	$(BIN)/python -m configvault.cli.manual build/man

dist: $(VENV)/.run ## sdist and wheel, the same bytes each time, into dist/
	$(BIN)/python packages/dist.py

deb: $(VENV)/.run ## a Debian package with units, completion and manual, into dist/
	packages/deb.sh $(BIN)/python

release: $(VENV)/.run ## sdist, wheel, Debian package, SBOM and checksums, the same bytes each time, into dist/
	rm -rf dist
	$(BIN)/python packages/dist.py
	packages/deb.sh $(BIN)/python
	$(BIN)/python packages/sbom.py dist
	cd dist && sha256sum -- * > SHA256SUMS

test-packages: $(VENV)/.dev ## build packages and image, install, upgrade and remove them (root, systemd, debootstrap, buildah)
	$(PYTEST) tests/packages $(ARGS)

test-image: $(VENV)/.dev ## build the image from the Dockerfile and protect a volume with it (root, debootstrap, buildah)
	$(PYTEST) tests/packages/test_image.py $(ARGS)

$(VENV)/.docs: requirements/docs.txt $(VENV)/.run
	$(BIN)/python -m venv $(VENV)/docs
	$(VENV)/docs/bin/python -m pip --disable-pip-version-check --no-input install --quiet -r requirements/docs.txt
	@touch $@

docs: $(VENV)/.docs ## the documents as a site, into build/docs/
	$(VENV)/docs/bin/sphinx-build -W --keep-going -q -b html docs build/docs

pins: ## resolve the requirements anew
	PYTHON=$(PYTHON) requirements/pin.sh

clean: ## remove what was made here
	rm -rf $(VENV) .venv-debian build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find configvault tests -name __pycache__ -prune -exec rm -rf {} +
