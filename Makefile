# Everything a contributor or a machine runs. `make help` is read from the comments below.

PYTHON ?= python3.11
BIN := .venv/bin
FOREIGN := .venv-foreign
FOREIGNERS := $(patsubst %,$(FOREIGN)/%/.ready,ibapi ib_insync nautilus)
# under these packages less than 90 % of the branches covered is a failure
COVERED := orders resilience gateway simulator/wire
# what is checked without running it
LOOKED_AT := types format lint contracts spelling docs
# the tests in four parts of about the same length: those on sockets wait for most of their time, so
# two cores carry them together
first := tests/unit tests/wire tests/architecture
second := $(addprefix tests/component/,chaos connector gateway instruments market supervisor)
third := tests/component/orders
fourth := tests/component/cli tests/component/simulator tests/conformance tests/docs tests/foreign tests/spec

.DEFAULT_GOAL := help
.PHONY: help setup demo foreign test check format lint types contracts spelling tests coverage bench soak docs limits lock clean

help:  ## show this help
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  %-10s %s\n", $$1, $$2}'

setup: .venv/.ready $(FOREIGNERS)  ## build the virtual environments, if they are not up to date

.venv/.ready: requirements/dev.txt pyproject.toml
	$(PYTHON) -m venv --clear .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

# ib_insync brings another `eventkit`, ibapi another licence, nautilus_trader half a gigabyte and
# another ibapi: none of them may enter ours
$(FOREIGN)/%/.ready: requirements/foreign-%.txt
	$(PYTHON) -m venv --clear $(FOREIGN)/$*
	$(FOREIGN)/$*/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

demo: .venv/.ready  ## trade against the simulator; GATEWAY=HOST:PORT shows it on a paper gateway
	$(BIN)/ibkr demo $(if $(GATEWAY),--gateway $(GATEWAY))

# the environments do not need each other, so two are built at a time
test:  ## set up, then run every check
	@$(MAKE) --no-print-directory --jobs=2 setup
	@$(MAKE) --no-print-directory check

check:  ## every check, in an environment that exists
	@$(MAKE) --no-print-directory --jobs=2 --output-sync=target $(LOOKED_AT)
	@$(MAKE) --no-print-directory coverage

format:  ## is the code formatted
	$(BIN)/ruff format --check src tests tools benchmarks docs/examples

lint:  ## ruff
	$(BIN)/ruff check src tests tools benchmarks docs/examples

types:  ## mypy, strict
	$(BIN)/mypy

contracts:  ## the import contracts
	$(BIN)/lint-imports --no-cache

spelling:  ## codespell
	$(BIN)/codespell src tests tools benchmarks docs README.md CHANGELOG.md CONTRIBUTING.md SECURITY.md config

tests: setup  ## the tests alone; ARGS="-k word" passes options
	$(BIN)/python -m pytest $(ARGS)

coverage:
	$(BIN)/coverage erase
	@$(MAKE) --no-print-directory --jobs=4 --output-sync=target measured-first measured-second measured-third measured-fourth
	@$(BIN)/coverage combine --quiet
	@$(BIN)/coverage report --skip-covered --format=total | xargs printf 'branch coverage of everything: %s %%\n'
	@for part in $(COVERED); do \
	  printf '%-16s' $$part; \
	  $(BIN)/coverage report --include="src/ibkr_connector/$$part/*" --format=total --fail-under=90 || exit 1; \
	done

# the import of the pytest plugin is counted too, since coverage starts first
measured-%:
	$(BIN)/coverage run --parallel-mode -m pytest -p no:cacheprovider $($*) $(ARGS)

fix:  ## format the code and mend what ruff can mend
	$(BIN)/ruff format src tests tools benchmarks docs/examples
	$(BIN)/ruff check --fix src tests tools benchmarks docs/examples

foreign: setup  ## programs on other clients trade a day on the simulator; ARGS="-k nautilus" picks
	$(BIN)/python -m pytest tests/foreign $(ARGS)

bench: setup  ## ratios against bare ib_async; ARGS="simulator --profile" the simulator's own figures
	$(BIN)/python -m benchmarks $(ARGS)

soak: setup  ## the same properties, for longer
	HYPOTHESIS_PROFILE=soak $(BIN)/python -m pytest --timeout=0 tests/unit tests/component $(ARGS)

docs: .venv/.ready  ## build the documentation into site/
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

limits:  ## known limits, from the comments that name them
	@grep -rnE '\*limit\*' src | sed 's/: *#/: /'

lock:  ## renew the locks (needs uv)
	uv pip compile pyproject.toml --extra dev --generate-hashes --no-emit-index-url --no-emit-find-links --universal --python-version 3.11 --no-header -o requirements/dev.txt
	cd requirements && for f in ibapi ib_insync nautilus; do uv pip compile foreign-$$f.in --generate-hashes --no-emit-index-url --no-emit-find-links --universal --python-version 3.11 --no-header -o foreign-$$f.txt; done

clean:  ## remove what the other targets made
	rm -rf .venv $(FOREIGN) site dist .coverage .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
