# Make and a Python from 3.11 to 3.13 are all it takes. `make help` lists the targets.
.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help demo test lint faults bench bench-quick up down lock clean

# The Python that makes .venv; another one: make demo PYTHON=/path/to/python3.12
PYTHON ?= python3
# Relative, so that the checkout may lie in a path with spaces.
VENV := .venv/bin/python
UV_COMPILE = $(VENV) -m uv --no-config pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-emit-build-options --custom-compile-command 'make lock' --quiet
LOCKS := deploy/requirements

define prepare
@command -v '$(PYTHON)' >/dev/null 2>&1 || { \
	echo 'hayate: there is no $(PYTHON) on the PATH; remedy: sudo apt install python3 python3-venv' >&2; exit 1; }
@'$(PYTHON)' deploy/bootstrap.py $(1)
endef

help: ## this list
	@echo 'make TARGET'
	@sed -n 's/^\([a-z-]*\):.*## /  \1|/p' Makefile | while IFS='|' read -r name text; do printf '%-14s %s\n' "$$name" "$$text"; done

# The extra that trains is in the locks of `test` alone: the first signal does not wait for its download.
demo: ## live signals until Ctrl-C; SECONDS=20 ends by itself; TRAIN=1 adds what trains a model; ARGS='--rate 1000'
	$(call prepare,$(if $(TRAIN),test,demo))
	@exec $(VENV) -m deploy.demo $(if $(SECONDS),--seconds '$(SECONDS)') $(ARGS)

# The fault suite has the machine to itself: it looks at how long what takes.
test: lint ## lint, types and the whole test suite with its coverage
	$(VENV) -m coverage erase
	$(if $(ARGS),,$(VENV) -m coverage run -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile --ignore tests/faults)
	$(VENV) -m coverage run -m pytest $(or $(ARGS),tests/faults)
	$(VENV) -m coverage combine --quiet
	$(VENV) -m coverage report --fail-under=95

faults: ## kills, stops and broken servers under load; CYCLES=100 kills, SEED= repeats a run
	$(call prepare,test)
	CYCLES='$(CYCLES)' SEED='$(SEED)' FAULTS_REPORT='$(or $(REPORT),.hayate/faults/report.json)' $(VENV) -m pytest tests/faults $(ARGS)

bench: ## all of docs/benchmarks.md anew, an hour and a half; CASE=engine (or latency, inference, store...) runs one
	$(call prepare,test)
	$(VENV) -m tests.benchmarks.$(or $(CASE),pages) $(ARGS)

bench-quick: ## two minutes: Hayate beside a bare loop and plain Faust, against the recorded ratios
	$(call prepare,test)
	$(VENV) -m tests.benchmarks.quick $(ARGS)

lint: ## ruff and mypy
	$(call prepare,test)
	$(VENV) -m ruff check .
	$(VENV) -m ruff format --check .
	$(VENV) -m mypy

up: ## start Kafka and Redis on this machine, for a worker of your own
	$(call prepare,demo)
	@$(VENV) -m deploy.local up

down: ## stop what `make up` started
	$(call prepare,demo)
	@$(VENV) -m deploy.local down

# The larger sets first: the smaller ones then pin the same versions.
lock: ## resolve pyproject.toml anew into deploy/requirements/*.txt (UPGRADE=1: to the newest versions)
	$(call prepare,test)
	@$(VENV) -m uv --version 2>/dev/null || $(VENV) -m pip install 'uv>=0.9,<1'
	$(UV_COMPILE) $(if $(UPGRADE),--upgrade) --extra local --extra demo --extra feeds --extra parquet --extra train --extra s3 --extra test -o $(LOCKS)/test.txt
	$(UV_COMPILE) --upgrade --extra local --extra demo -c $(LOCKS)/test.txt -o $(LOCKS)/demo.txt
	$(UV_COMPILE) --upgrade -c $(LOCKS)/test.txt -o $(LOCKS)/worker.txt

clean: ## remove caches, logs and the demo's data (.venv and the data of `make up` stay)
	rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage .coverage.* htmlcov .hayate/demo
	find . -name .venv -prune -o -name .git -prune -o -type d -name __pycache__ -exec rm -rf {} +
