# Everything a contributor or a machine runs. `make help` is read from the comments below.

PYTHON ?= python3.11
BIN := .venv/bin
FOREIGN := .venv-foreign
# a lock is complete, so nothing is to be resolved; what is never imported is not compiled
QUIETLY := --quiet --disable-pip-version-check --no-compile
FOREIGNERS := $(patsubst %,$(FOREIGN)/%/.ready,ibapi ib_insync nautilus)
# under these packages less than 90 % of the branches covered is a failure; the tests that are about
# them have to do it by themselves, since to count makes a test last twice as long
COVERED := orders resilience gateway simulator/wire
# what is checked without running it
LOOKED_AT := types docs lint contracts spelling format
# the tests in parts, those that last longest first; `check` carries out four at a time, since those
# on sockets wait for much of their time. Whatever folder is in none of them is in `others`.
component := tests/component
kills := $(addprefix $(component)/orders/test_,$(addsuffix .py,exactly_once_machine exactly_once_kills \
  exactly_once_through_the_connector \
  orders_and_kills orders_and_disks))
cuts := $(addprefix $(component)/orders/test_,$(addsuffix .py,orders_on_the_wire any_order_on_the_wire))
desk := tests/unit/orders $(component)/orders/test_brackets_on_the_wire.py
orders := $(filter-out $(kills) $(cuts) $(desk),$(wildcard $(component)/orders/test_*.py))
clients := $(wildcard tests/unit/simulator/wire/test_*_ib_async.py)
lines := tests/unit/resilience tests/unit/gateway $(component)/gateway \
  $(filter-out $(clients),$(wildcard tests/unit/simulator/wire/test_*.py))
simulator := $(component)/simulator tests/conformance
storms := $(component)/chaos
venue := tests/unit/simulator/exchange
strangers := tests/foreign tests/wire $(clients)
doors := $(component)/cli
# whatever needs a Jupyter kernel shares one that is loaded
pages := tests/docs $(component)/notebooks
bridge := $(component)/bridge tests/unit/bridge
watchers := $(addprefix $(component)/,account alerts doctor) tests/unit/account tests/unit/alarms
links := $(component)/connector $(component)/supervisor
spec := tests/spec
MEASURED := desk lines
ELSEWHERE := $(kills) $(cuts) $(desk) $(orders) $(lines) $(simulator) $(storms) $(venue) $(strangers) \
  $(doors) $(pages) $(bridge) $(watchers) $(links) $(spec) $(component)/orders tests/unit/simulator tests/unit/simulator/wire tests/component tests/unit tests/kit tests/typing
others := $(filter-out $(ELSEWHERE) %.py %.md %.txt %__pycache__,$(wildcard tests/* $(component)/* \
  tests/unit/* tests/unit/simulator/*)) $(filter-out $(ELSEWHERE),$(wildcard tests/unit/test_*.py \
  tests/unit/simulator/test_*.py))
PARTS := orders others kills desk lines bridge watchers pages doors links strangers simulator spec storms cuts venue
# asyncio's debug mode says of each callback who made it, which costs a tenth of the time; it is on where
# threads and connections come and go
quick := $(filter-out links storms,$(PARTS))

# the programs that tests start would be compiled anew each time
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup browser database untried demo foreign test check format lint types contracts spelling tests parts coverage bench soak docs limits lock clean

help:  ## show this help
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  %-10s %s\n", $$1, $$2}'

setup: .venv/.ready $(FOREIGNERS) browser database  ## build the virtual environments, if they are not up to date

# uv fetches and unpacks many at a time; whoever has an index that only pip is told of falls back to pip
define install
$(BIN)/uv pip install --quiet --system-certs --python $(1) $(2) \
  || $(BIN)/python -m pip --python $(1) install $(QUIETLY) $(2)
endef
LOCKED := --no-deps --require-hashes --requirement

.venv/.installer: requirements/installer.txt
	$(PYTHON) -m venv --clear .venv
	$(BIN)/python -m pip install $(QUIETLY) $(LOCKED) $<
	@touch $@

.venv/.ready: .venv/.installer requirements/dev.txt pyproject.toml
	$(call install,$(BIN)/python,$(LOCKED) requirements/dev.txt)
	$(call install,$(BIN)/python,--no-deps --no-build-isolation --editable .)
	@touch $@

# ib_insync brings another `eventkit`, ibapi another licence, nautilus_trader half a gigabyte and
# another ibapi: none of them may enter ours
$(FOREIGN)/%/.ready: requirements/foreign-%.txt .venv/.installer
	$(PYTHON) -m venv --clear --without-pip $(FOREIGN)/$*
	$(call install,$(FOREIGN)/$*/bin/python,$(LOCKED) $<)
	@touch $@

# The dashboard is tried in Debian's Chromium, the journal on Debian's PostgreSQL. Where one cannot be
# had, its tests are skipped, and `check` says at its end what was not tried.
CHROMIUM = $(shell command -v chromium)
POSTGRES = $(shell command -v initdb || ls /usr/lib/postgresql/*/bin/initdb 2>/dev/null)
define debian
{ test "$$(id -u)" = 0 && command -v apt-get >/dev/null && apt-get update -qq \
  && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $(1) >/dev/null; }
endef

browser:
	@test -n '$(CHROMIUM)' || $(call debian,chromium) || echo 'chromium could not be installed'

# one at a time: apt-get keeps others out
database: | browser
	@test -n '$(POSTGRES)' || $(call debian,postgresql) || echo 'postgresql could not be installed'

untried:
	@test -n '$(CHROMIUM)' || echo 'NOT TRIED, no chromium (apt-get install chromium): the dashboard in a browser'
	@test -n '$(POSTGRES)' || echo 'NOT TRIED, no PostgreSQL (apt-get install postgresql): journal, accounts and instruments on a server'

demo: .venv/.ready  ## trade against the simulator; GATEWAY=HOST:PORT shows it on a paper gateway
	$(BIN)/ibkr demo $(if $(GATEWAY),--gateway $(GATEWAY))

# the environments do not need each other, so two are built at a time
test:  ## set up, then run every check
	@$(MAKE) --no-print-directory --jobs=2 setup
	@$(MAKE) --no-print-directory check

check:  ## every check, in an environment that exists
	@rm -f .coverage .coverage.*
	@$(MAKE) --no-print-directory --jobs=4 --output-sync=target --keep-going \
	  types docs $(addprefix part-,$(PARTS)) $(filter-out types docs,$(LOOKED_AT))
	@$(MAKE) --no-print-directory coverage
	@echo 'every check has passed'
	@$(MAKE) --no-print-directory untried

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

parts:  ## the parts of the tests, and what is in them
	@$(foreach part,$(PARTS),echo '$(part): $($(part))';)

# of the data that the measured parts have left
coverage:
	@$(BIN)/coverage combine --quiet
	@for part in $(COVERED); do \
	  printf '%-16s' $$part; \
	  $(BIN)/coverage report --include="src/ibkr_connector/$$part/*" --format=total --fail-under=90 || exit 1; \
	done

# the import of the pytest plugin is counted too, since coverage starts first
part-%:
	@echo '--- $* ---'
	$(if $(filter $*,$(MEASURED)),$(BIN)/coverage run --parallel-mode,$(BIN)/python) -m pytest -q \
	  -p no:cacheprovider $(if $(filter $*,$(quick)),-o asyncio_debug=false) $($*) $(ARGS)

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

lock: .venv/.installer  ## renew the locks
	$(BIN)/uv pip compile pyproject.toml --extra dev --generate-hashes --no-emit-index-url --no-emit-find-links --universal --python-version 3.11 --no-header -o requirements/dev.txt
	cd requirements && for f in installer foreign-ibapi foreign-ib_insync foreign-nautilus; do ../$(BIN)/uv pip compile $$f.in --generate-hashes --no-emit-index-url --no-emit-find-links --universal --python-version 3.11 --no-header -o $$f.txt; done

clean:  ## remove what the other targets made
	rm -rf .venv $(FOREIGN) site dist .coverage .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
