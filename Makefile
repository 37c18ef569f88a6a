# Seven targets; each works on a machine that has Python 3.11+ and make, and makes the environment it needs. `test` needs Go, too.
PYTHON ?= python3
SOAK_SECONDS ?= 300
export PYTHON

.PHONY: demo test check bench docs workers soak

demo: ## Watch a real pipeline explain itself, then read one slow and one failing item.
	@tools/environment.sh .venv-run requirements/run.txt
	@.venv-run/bin/otelkit demo

test: check ## Everything that must hold: the suite, what the oldest supported SDK must do too, and what real servers make of it.
	.venv/bin/python -m pytest
	@tools/environment.sh .venv-oldest-sdk requirements/dev-oldest-sdk.txt
	.venv-oldest-sdk/bin/python -m pytest -m sdk
	.venv/bin/python tools/backends/build.py collector prometheus
	.venv/bin/python -m pytest -m backends

check: ## Format, lint, types, floors, and that what is generated is current.
	@tools/environment.sh .venv requirements/dev.txt
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy
	.venv/bin/lint-imports
	.venv/bin/python -m docs.generate --check

bench: ## Side by side with the stock SDK and its peers; a table, and JSON under .cache/bench; red if a ratio got 15 % worse.
	@tools/environment.sh .venv requirements/dev.txt
	@tools/environment.sh .venv-bench requirements/bench.txt
	.venv-bench/bin/python -m benchmarks

docs: ## Write the generated reference pages anew.
	@tools/environment.sh .venv requirements/dev.txt
	.venv/bin/python -m docs.generate

workers: ## All kinds of workers with CPython 3.11, 3.12 and 3.13; records the results and writes docs/reference/workers.md.
	tools/workers.sh

soak: ## The fault drills, each for SOAK_SECONDS (300) with faults that are new every time; DRILL_SEED=… makes them again.
	@tools/environment.sh .venv requirements/dev.txt
	DRILL_SECONDS=$(SOAK_SECONDS) .venv/bin/python -m pytest tests/drills -s
