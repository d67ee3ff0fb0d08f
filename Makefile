# The two commands most people need: `make plan` and `make test`.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: plan test test-pandas2 slow check bench lock clean

plan: .venv/base
	$(BIN)/python run_plan.py

test: .venv/dev
	$(BIN)/python -m pytest -m "not slow" -n 2 --dist loadfile -q

# The same tests on the older pandas that we promise to run on.
test-pandas2: .venv-pandas2/dev
	.venv-pandas2/bin/python -m pytest -m "not slow" -n 2 --dist loadfile -q

slow: .venv/dev
	$(BIN)/python -m pytest -m slow -q

check: .venv/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: .venv/dev
	$(BIN)/python -m benchmarks

# What users run, then what developers add; both exactly as locked, with hashes.
.venv/base: requirements.lock
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements.lock
	touch $@

.venv/dev: requirements-test.lock requirements.lock
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements-test.lock
	touch $@ .venv/base

.venv-pandas2/dev: requirements-test.lock requirements-pandas2.lock
	$(PYTHON) -m venv .venv-pandas2
	.venv-pandas2/bin/python -m pip install --quiet --require-hashes -r requirements-test.lock
	.venv-pandas2/bin/python -m pip install --quiet --require-hashes -r requirements-pandas2.lock
	touch $@

# Needs uv on the path; the locks name packages and hashes, no index.
lock:
	uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --no-header -o requirements.lock
	uv pip compile pyproject.toml --extra test --universal --python-version 3.11 --generate-hashes --no-header -o requirements-test.lock
	echo "pandas==2.3.3" | uv pip compile - --universal --python-version 3.11 --generate-hashes --no-header -o requirements-pandas2.lock

clean:
	rm -rf .venv .venv-pandas2 build dist *.egg-info demo plans
