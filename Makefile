# make demo | test | test-pages | check | docs | bench | format | links | clean
#
# Everything runs in .venv, which is made and filled on first use and again when the dependencies
# change. All that is needed beforehand is make and a Python of at least 3.11.

PYTHON ?= python3
JOBS ?= 2
VENV := .venv
BIN := $(VENV)/bin

# What the targets install beside the package and its own dependencies.
EXTRAS_demo :=
EXTRAS_test := [test,peers]
EXTRAS_check := [test,peers,check,docs]
EXTRAS_docs := [docs]
EXTRAS_pages := [test,browser]
EXTRAS_bench := [bench]

# pyright would otherwise look for a newer version of itself on the network.
export PYRIGHT_PYTHON_IGNORE_WARNINGS := 1

.PHONY: demo test test-pages check check-format check-lint check-types check-mypy check-pyright check-structure
.PHONY: docs bench format links clean
.NOTPARALLEL:

demo: $(VENV)/installed-demo
	$(BIN)/python examples/autograd_tutorial.py
	$(BIN)/python examples/model.py
	$(BIN)/python examples/polynomial.py
	$(BIN)/python examples/perceptron.py
	$(BIN)/python examples/names.py
	$(BIN)/python examples/digits.py

test: $(VENV)/installed-test
	$(BIN)/python -m pytest -n $(JOBS)

# The pages of reports, in a browser.
test-pages: $(VENV)/installed-pages
	$(BIN)/python -m pytest tests/test_page.py

# `make -k check` goes on after a failure, to show all there is.
check: check-format check-lint check-types check-structure

check-format: $(VENV)/installed-check
	$(BIN)/ruff format --check .

check-lint: $(VENV)/installed-check
	$(BIN)/ruff check .

check-types: check-mypy check-pyright

check-mypy: $(VENV)/installed-check
	$(BIN)/mypy --package pullback
	$(BIN)/mypy tests examples docs/conf.py docs/extensions

check-pyright: $(VENV)/installed-check
	$(BIN)/pyright --pythonpath $(BIN)/python

check-structure: $(VENV)/installed-check
	$(BIN)/python -m pytest -q tests/test_layering.py tests/test_structure.py

# The site, into build/site. A warning, such as of a link to nowhere, is an error.
docs: $(VENV)/installed-docs
	$(BIN)/python -m sphinx --quiet --fail-on-warning --keep-going -j $(JOBS) -d build/doctrees docs build/site

bench: $(VENV)/installed-bench
	$(BIN)/python benchmarks/run.py $(if $(GRADBENCH),--gradbench $(GRADBENCH))

format: $(VENV)/installed-check
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix-only .

# .types/pullback shows type checkers the folders the way they are installed.
links:
	find .types/pullback -type l -delete
	cd .types/pullback && ln -s ../../tracer ../../codegen ../../runtime .
	cd .types/pullback && for path in ../../api/*; do \
		case $$path in *.py | */py.typed) ln -s $$path . ;; esac; \
		if [ -f $$path/__init__.py ]; then ln -s $$path . ; fi; \
	done

clean:
	rm -rf docs/gallery docs/reference docs/sg_execution_times.rst
	rm -rf $(VENV) build dist *.egg-info .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/installed-%: pyproject.toml requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.x $*")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing pullback$(EXTRAS_$*) into $(VENV) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint requirements.lock --editable '.$(EXTRAS_$*)'
	@touch $@
