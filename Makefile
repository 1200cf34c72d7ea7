# The commands of the project; README, CONTRIBUTING and CI only name these targets.

PYTHON ?= python3
VENV ?= .venv
RUN = $(VENV)/bin/python
STAMP = $(VENV)/installed
SOURCES = eoinas_tf tests benchmarks docs run_search.py run_eval.py setup.py
DEMO_DIR ?= runs/demo
export TF_CPP_MIN_LOG_LEVEL ?= 3

.PHONY: setup demo test test-slow check format unit-tests bench docs docs-sources clean

setup: $(STAMP)

$(STAMP): setup.cfg setup.py pyproject.toml
	test -x $(RUN) || $(PYTHON) -m venv $(VENV)
	$(RUN) -m pip install --quiet --upgrade pip
	$(RUN) -m pip install --quiet --editable '.[dev]'
	touch $(STAMP)

## Searches on the digits that ship with scikit-learn, trains what it finds, exports it.
demo: $(STAMP)
	$(RUN) run_search.py --flagfile=flags/search_digits.flags --run_dir=$(DEMO_DIR)/search
	$(RUN) run_eval.py --flagfile=flags/eval_digits.flags --genotype=$(DEMO_DIR)/search/genotype.json --run_dir=$(DEMO_DIR)/eval

## The checks and tests of CI, which also installs the built package elsewhere and builds the documentation.
test: check unit-tests

## Lint, format and types.
check: $(STAMP)
	$(RUN) -m ruff check $(SOURCES)
	$(RUN) -m ruff format --check $(SOURCES)
	$(RUN) -m mypy

# Two processes: most tests trace graphs on one core. A file stays in one process, for its tests share what they trace;
# in their own order, files with few but long tests do not all come last. One thread a process for single operations: the
# processes fill the cores. The commands that tests start choose for themselves, as a user's do.
TEST_PROCESSES ?= 2
unit-tests: $(STAMP)
	TF_NUM_INTRAOP_THREADS=1 $(RUN) -m pytest -n $(TEST_PROCESSES) --dist loadfile --no-loadscope-reorder

## Tests that take minutes: many more kills, full disks under real commands, long fuzzing.
test-slow: $(STAMP)
	$(RUN) -m pytest --run-slow -m slow

format: $(STAMP)
	$(RUN) -m ruff check --fix $(SOURCES)
	$(RUN) -m ruff format $(SOURCES)

## Times the steps, the input pipelines where TFDS_DATA_DIR names a folder of prepared data sets, and how cost grows.
bench: $(STAMP)
	$(RUN) benchmarks/search_step.py
	$(RUN) benchmarks/evaluation_step.py
	test -z "$$TFDS_DATA_DIR" || $(RUN) benchmarks/input_pipeline.py --data_dir="$$TFDS_DATA_DIR"
	$(RUN) benchmarks/cost_growth.py

## The documentation as a website in docs/_build/html; a warning is an error.
docs: $(STAMP)
	$(RUN) -m sphinx --quiet --fail-on-warning --keep-going --builder html docs docs/_build/html

## Generated from the code: the page of all settings, and the pictures of the method and of the package's structure.
docs-sources: $(STAMP)
	$(RUN) docs/make_flags_page.py
	$(RUN) docs/make_method_figures.py
	$(RUN) docs/make_architecture_figure.py

clean:
	rm -rf docs/_build build *.egg-info .pytest_cache .mypy_cache .ruff_cache
