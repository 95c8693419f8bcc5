# Every target sets up what it needs: a virtual environment in .venv, from the pinned set.

PYTHON ?= python3
PORT ?= 8080
VENV := .venv
BIN := $(VENV)/bin
MLFLOW := .venv-mlflow
FEAST := .venv-feast
DBT := .venv-dbt
AIRFLOW := .venv-airflow
UNLEASH := .venv-unleash
PEERS := .venv-peers
# What is imported is compiled then; compiling all takes a third of the time of installing.
INSTALL := -m pip install --quiet --no-compile
# The pip that comes with Python may be years old: it takes three times as long to choose versions.
define create
$(PYTHON) -m venv $(@D)
$(@D)/bin/python $(INSTALL) --upgrade pip
endef
# The tests start this code hundreds of times, and images of containers often forbid bytecode: each
# of these processes would then compile all that it imports, and take half as long again to start.
unexport PYTHONDONTWRITEBYTECODE
PARALLEL := --numprocesses auto --dist loadfile --no-loadscope-reorder

# Puts temporary files into memory where there are 8 GB of it to spare. The tests make and remove
# stores by the thousand, and ext4 looks for a place for each new file among all that were removed in
# the last seconds: most of their time goes there.
IN_MEMORY := if [ -w /dev/shm ] && \
	awk '/MemAvailable/ { exit $$2 < 8000000 }' /proc/meminfo && \
	[ "$$(df --output=avail /dev/shm | tail -n 1)" -gt 8000000 ]; then \
	TMPDIR=$$(mktemp -d /dev/shm/tests-XXXXXX) && export TMPDIR && trap 'rm -rf "$$TMPDIR"' EXIT INT TERM; fi

.PHONY: demo test test-sources sources test-all check collected bench constraints clean

demo: $(VENV)/.ready
	@$(BIN)/mlg demo --port $(PORT)

# On all cores, each file of tests on one; then alone, and on a disk, what measures time. Source
# systems that are small run for real here: of those, dbt alone needs an environment of its own
# (175 MB), which is installed beside the rest. What pytest makes of the tests is kept beside them, so
# that it is made once, while mypy runs, and not by each worker.
test:
	@$(MAKE) --no-print-directory --jobs 2 check collected $(DBT)/.ready
	@$(IN_MEMORY); MLG_TEST_DBT_PYTHON=$(CURDIR)/$(DBT)/bin/python \
		$(BIN)/pytest -m "not sources and not alone" $(PARALLEL)
	$(BIN)/pytest -m "alone and not sources"

# With real source systems that are large to install (MLflow 850, Feast 600, Airflow 300, Unleash
# 200 MB, which needs Node and PostgreSQL too).
test-sources: $(VENV)/.ready sources
	MLG_TEST_MLFLOW_PYTHON=$(call installed,$(MLFLOW),/bin/python) \
	MLG_TEST_FEAST_PYTHON=$(call installed,$(FEAST),/bin/python) \
	MLG_TEST_AIRFLOW_PYTHON=$(call installed,$(AIRFLOW),/bin/python) \
	MLG_TEST_UNLEASH=$(call installed,$(UNLEASH),) \
		$(BIN)/pytest -m sources $(PARALLEL)

# WITHOUT names the environments to leave out; the tests of those are skipped.
installed = $(if $(filter $(1),$(WITHOUT)),,$(CURDIR)/$(1)$(2))
sources: $(addsuffix /.ready,$(filter-out $(WITHOUT),$(MLFLOW) $(FEAST) $(AIRFLOW) $(UNLEASH)))

test-all: test test-sources

check: $(VENV)/.ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/codespell

collected: $(VENV)/.ready
	@$(BIN)/pytest --collect-only --quiet --quiet >$(VENV)/collected || { cat $(VENV)/collected; false; }

bench: $(VENV)/.ready $(PEERS)/.ready
	MLG_BENCH_MLMD_PYTHON=$(CURDIR)/$(PEERS)/bin/python $(BIN)/python -m tests.benchmarks

$(VENV)/.ready: pyproject.toml constraints.txt
	$(create)
	$(BIN)/python $(INSTALL) --constraint constraints.txt --editable ".[dev]"
	touch $@

# MLflow 3.18 cannot be installed from the public index; 3.17.2 is the newest that can.
$(MLFLOW)/.ready:
	$(create)
	$(MLFLOW)/bin/python $(INSTALL) "mlflow==3.17.2" scikit-learn
	touch $@

# Feast's registry server does not start with newer releases of fastapi.
$(FEAST)/.ready:
	$(create)
	$(FEAST)/bin/python $(INSTALL) "feast[grpcio,openlineage]==0.67.0" "fastapi==0.144.0"
	touch $@

# dbt 1.11 fetches a part of itself from elsewhere when it is installed.
$(DBT)/.ready:
	$(create)
	$(DBT)/bin/python $(INSTALL) "dbt-core>=1.10,<1.11" "dbt-duckdb<1.10"
	touch $@

$(AIRFLOW)/.ready:
	$(create)
	$(AIRFLOW)/bin/python $(INSTALL) "apache-airflow==3.3.2"
	touch $@

# Unleash is AGPL: it runs as a process of its own, for the tests, and none of it is shipped.
$(UNLEASH)/.ready:
	mkdir -p $(UNLEASH)
	npm install --silent --no-audit --no-fund --prefix $(UNLEASH) unleash-server@8.2.0
	touch $@

# ml-metadata pins old releases of what others need, so it has an environment of its own.
$(PEERS)/.ready:
	$(create)
	$(PEERS)/bin/python $(INSTALL) ml-metadata
	touch $@

# The pinned set, compiled from the ranges in pyproject.toml; it holds no address of an index.
constraints: $(VENV)/.ready
	$(BIN)/python $(INSTALL) pip-tools
	$(BIN)/pip-compile --quiet --extra dev --strip-extras --no-emit-index-url \
		--no-emit-trusted-host --no-emit-find-links --no-annotate \
		--output-file constraints.txt pyproject.toml

clean:
	rm -rf $(VENV) $(MLFLOW) $(FEAST) $(DBT) $(AIRFLOW) $(UNLEASH) $(PEERS) build dist
