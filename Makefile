# Everything a newcomer needs: `make run` shows Organic Mail at work, `make test` proves it.
# The environment is .venv, installed from the locked, hashed versions in deploy/.

PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
LOCKS := deploy/requirements-build.txt deploy/requirements.txt
# Whole installs are hash-checked: what builds the source packages is locked too, so nothing else is fetched.
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-build-isolation
COMPILE := $(BIN)/pip-compile --quiet --allow-unsafe --generate-hashes --strip-extras --no-annotate --no-header --no-emit-options $(UPGRADE)

.PHONY: run test test-long servers lint bench bench-written lock clean

run: $(VENV)/run.stamp
	$(BIN)/organic-mail demo

test: $(VENV)/dev.stamp servers
	$(BIN)/python -m pytest -n 3 --dist loadfile --max-worker-restart 0

test-long: $(VENV)/dev.stamp servers
	TEST_LONG=1 $(BIN)/python -m pytest -n 2 --dist loadfile --max-worker-restart 0

lint: $(VENV)/dev.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/dev.stamp servers
	$(BIN)/python -m tests.bench

# How much of what people write is told from quotes and signatures, by program and language, and how fast.
bench-written: $(VENV)/dev.stamp
	$(BIN)/python -m tests.bench written

# The real servers that the tests talk to. Nothing of them is configured or left running by us.
servers:
	@missing=""; \
	ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || command -v initdb >/dev/null || missing="$$missing postgresql"; \
	test -x /usr/sbin/smtp-sink || command -v smtp-sink >/dev/null || missing="$$missing postfix"; \
	test -x /usr/sbin/opendkim || command -v opendkim >/dev/null || missing="$$missing opendkim"; \
	command -v swaks >/dev/null || missing="$$missing swaks"; \
	command -v mutt >/dev/null || missing="$$missing mutt"; \
	command -v chromium >/dev/null || missing="$$missing chromium"; \
	test -x /usr/sbin/dovecot || command -v dovecot >/dev/null || missing="$$missing dovecot-imapd"; \
	test -z "$$missing" && exit 0; \
	if [ "$$(id -u)" != 0 ]; then \
		echo "error: the tests need$$missing: run 'sudo apt-get install$$missing', then 'make test' again" >&2; exit 1; \
	fi; \
	echo "postfix postfix/main_mailer_type select No configuration" | debconf-set-selections; \
	apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/run.stamp: $(LOCKS) pyproject.toml | $(VENV)/bin/python
	$(INSTALL) -r deploy/requirements-build.txt
	$(INSTALL) -r deploy/requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

# axe-core comes inside a package of which nothing else is used, so what that needs is left out.
$(VENV)/dev.stamp: deploy/requirements-dev.txt deploy/requirements-axe.txt $(VENV)/run.stamp
	$(INSTALL) -r deploy/requirements-dev.txt
	$(INSTALL) --no-deps -r deploy/requirements-axe.txt
	touch $@

# `make lock` keeps what is locked and adds what is new in pyproject.toml; `make lock UPGRADE=--upgrade` takes the newest.
lock:
	test -x $(BIN)/pip-compile || { $(PYTHON) -m venv $(VENV) && $(BIN)/python -m pip install --quiet pip-tools; }
	$(BIN)/python -c 'import tomllib; p = tomllib.load(open("pyproject.toml", "rb")); print(*p["dependency-groups"]["dev"], *p["build-system"]["requires"], "editables", sep="\n")' \
		| $(COMPILE) --all-extras -o deploy/requirements-dev.txt pyproject.toml -
	$(BIN)/python -c 'import tomllib; p = tomllib.load(open("pyproject.toml", "rb")); print(*p["build-system"]["requires"], "editables", "setuptools", "wheel", sep="\n")' \
		| $(COMPILE) -c deploy/requirements-dev.txt -o deploy/requirements-build.txt -
	$(COMPILE) -c deploy/requirements-dev.txt -o deploy/requirements.txt pyproject.toml
	$(COMPILE) -c deploy/requirements-dev.txt --extra postgres -o deploy/requirements-postgres.txt pyproject.toml
	sed -i '/^#/d; /^$$/d' deploy/requirements*.txt

clean:
	rm -rf $(VENV) build dist
