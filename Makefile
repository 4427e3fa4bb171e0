# Every command a developer needs, one line each. Nothing is assumed but python3, a C compiler and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
C := $(shell find csrc tests -name '*.[ch]')
SOURCES := $(shell find csrc -name '*.[ch]' -o -name '*.def' -o -name 'build_core.py')

# Tests start thousands of processes: without compiled files each would compile what it imports.
export PYTHONDONTWRITEBYTECODE =

.PHONY: help demo test test-all sanitize wheels lint format types bench attack clean

help:  ## this list
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' Makefile | expand -t 20

$(VENV)/ready: pyproject.toml setup.py $(SOURCES)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[test]'
	@touch $@

$(VENV)/dev: $(VENV)/ready
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

demo: $(VENV)/ready  ## the main job on a real package, start to end
	$(BIN)/python tests/demo.py

# What measures runs afterwards, when nothing else does.
test: $(VENV)/ready  ## the tests, on the default python3
	$(BIN)/pytest -q -n logical --dist worksteal -m 'not stdlib and not alone'
	$(BIN)/pytest -q -m 'not stdlib and alone'

test-all:  ## the tests and the standard library's own, on every supported interpreter found (FULL=1: all of them on each)
	$(PYTHON) tests/interpreters.py $(if $(FULL),--full) $(VERSIONS)

sanitize: $(VENV)/ready  ## the tests of the CPython half, with the address and undefined-behaviour sanitizers in the interpreter
	$(BIN)/python tests/sanitized.py

lint: $(VENV)/dev  ## lint and format, checked
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/clang-format --dry-run --Werror $(C)

format: $(VENV)/dev  ## format, applied
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	$(BIN)/clang-format -i $(C)

types: $(VENV)/dev  ## mypy --strict, against the package as it is installed
	rm -rf build/installed
	$(BIN)/python setup.py --quiet build_py --build-lib build/installed
	MYPYPATH=build/installed $(BIN)/mypy --strict -p prof

wheels: $(VENV)/ready  ## a wheel for each version, built and tried, in dist/ (VERSIONS="3.15": on this machine, for these)
	$(BIN)/python tests/wheels.py $(VERSIONS)

bench: $(VENV)/ready  ## the figures beside the peers'; takes minutes
	$(BIN)/pip install --quiet --disable-pip-version-check 'viztracer>=0.16'
	$(BIN)/python -m benchmarks

attack: $(VENV)/ready  ## damaged captures through every command, many of them; takes long (COUNT=20000)
	$(BIN)/python -m tests.attack.fuzz $(or $(COUNT),20000) --reader
	$(BIN)/python -m tests.attack.fuzz $(or $(COUNT),2000)

clean:  ## everything that was built
	rm -rf build dist .venv .venv-* *.egg-info runtime/*.so
