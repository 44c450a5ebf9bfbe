# Everything runs from the lock file in .venv; uv is taken from the PATH or installed into .cache by Python 3.13.
SHELL := /bin/bash -eu -o pipefail
UV ?= $(shell command -v uv || echo $(CURDIR)/.cache/uv/bin/uv)
export UV
export SAM_CLI_TELEMETRY := 0
RUN := .venv/bin/python -m
.DEFAULT_GOAL := help

.PHONY: help setup demo up down test check bench build clean

help: ## this list
	@awk -F':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: .venv/.ready ## uv, Python 3.13 and the locked packages

.venv/.ready: pyproject.toml uv.lock
	@scripts/setup
	@touch $@

demo: setup ## the whole thing on this machine: emulated AWS, real sam deploy, a cluster; then clean up
	@$(RUN) demo

up: setup ## keep the emulated AWS and the deployed stack running (sam ... --config-env local)
	@$(RUN) demo.local up

down: setup ## end what `make up` started
	@$(RUN) demo.local down

build: setup ## sam build of the real template
	@$(RUN) testbed.aws.sam build

check: setup ## what must hold before any test runs
	@scripts/check

test: setup ## every tier; says in one line what this machine cannot run
	@scripts/test $(PYTEST)

bench: setup ## figures into bench/results/
	@$(RUN) bench

clean: ## what builds and runs leave behind
	rm -rf .aws-sam .cache .venv
