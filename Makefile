# make demo   anonymize a video, a folder or an object store's prefix: INPUT=… OUTPUT=… VARIANT=structhuman|structall
#             and options of the jobs, e.g. JOB_OPTIONS='--profile my.yaml --set generator.steps=20'
# make test   lint, types, tests
# Both set themselves up, in .venv; python3 (3.11) and make are all they need to find.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

INPUT ?= tests/data/street.mp4
VARIANT ?= structhuman
OUTPUT ?=
PEOPLE ?=
MODELS ?= output/models
JOB_OPTIONS ?=
PYTHON ?= python3
export INPUT VARIANT OUTPUT

export PATH := $(CURDIR)/.venv/bin:$(PATH)

# Installs a Debian package where that is possible, or says what to install.
apt = { test "$$(id -u)" = 0 && command -v apt-get >/dev/null && apt-get update -qq && \
  DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $(1) >/dev/null; } || \
  { echo "error: $(1) is missing. Install it: sudo apt-get install $(1)" >&2; false; }

.PHONY: help demo test coverage faults setup browser lerobot schedulers format lock models clean

help:
	@sed -n '1,/^$$/s/^# //p' Makefile

setup: .venv/ready

.venv/ready: requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || \
	  { echo "error: $(PYTHON) is not Python 3.11. Install it, or name it: make PYTHON=python3.11 …" >&2; exit 2; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { $(call apt,python3-venv); }
	@echo "Setting up .venv (once; the models' libraries are several GB)"
	@test -x .venv/bin/python || $(PYTHON) -m venv .venv
	@# --no-deps: the file is complete, and holds opencv-python-headless where ultralytics asks for opencv-python.
	@.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.txt
	@touch $@

demo: .venv/ready
	@name="$$(basename "$$(realpath -ms "$$INPUT")")"; out="$${OUTPUT:-output/$${name%.*}-$$VARIANT}"; out="$${out%/}"; \
	python -m jobs.plan "$$INPUT" --plan "$$out.plan" $(JOB_OPTIONS); \
	python -m jobs.anonymize --plan "$$out.plan" --output "$$out" --variant "$$VARIANT" $(JOB_OPTIONS); \
	python -m jobs.verify "$$out"; \
	echo; echo "Look at it: $$out/report.html"

test: .venv/ready browser
	ruff check .
	ruff format --check .
	mypy
	@# In the order of the folders: what starts Ray and waits for it comes first, and many short files fill up the end.
	OMP_NUM_THREADS=1 python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder

# The tests again, a fifth slower, and which lines they reach: in this process, not in Ray's workers or jobs of their own.
coverage: .venv/ready browser
	python -m pytest --cov --cov-report=term:skip-covered

# What kills a run, in so many random orders and at so many random moments (two minutes each).
ROUNDS ?= 10
faults: .venv/ready
	RECAST_FAULT_ROUNDS=$(ROUNDS) python -m pytest tests/faults

# Chromium opens the report in a test. Without it that test is skipped, saying so; with CI set it fails instead.
browser:
	@command -v chromium chromium-browser google-chrome >/dev/null || { $(call apt,chromium); } || test -z "$${CI:-}"

# lerobot's own loader, which tests ask in a process of its own: it wants other releases of torch and av than are here,
# and works with these. torchcodec, by which it decodes, looks for FFmpeg's libraries.
lerobot: .venv/ready
	@command -v ffmpeg >/dev/null || { $(call apt,ffmpeg); }
	@python -m venv .cache/lerobot
	@echo "$(CURDIR)/.venv/lib/python3.11/site-packages" > .cache/lerobot/lib/python3.11/site-packages/recast.pth
	@.cache/lerobot/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements-lerobot.txt

# Airflow and Dagster, which tests have run the examples for them.
schedulers: .venv/ready
	@python -m venv .cache/schedulers
	@.cache/schedulers/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements-schedulers.txt

format: .venv/ready
	ruff format .
	ruff check --fix .

# ultralytics asks for opencv-python, which needs libGL; the headless build of it does not, and is listed instead.
lock:
	python3 -m venv .cache/lock
	.cache/lock/bin/pip install --quiet uv
	echo 'opencv-python; python_version < "3"' > .cache/lock/overrides.txt
	.cache/lock/bin/uv pip compile requirements.in --output-file requirements.txt --generate-hashes \
	  --no-emit-index-url --no-annotate --python-version 3.11 --python-platform x86_64-manylinux_2_28 \
	  --override .cache/lock/overrides.txt --custom-compile-command "make lock"
# The embedded models again, from nothing but shards of synthetic people (hours on two cores; see MODEL.md):
# PEOPLE=folder of the shards  BACKGROUNDS=video without people  MODELS=where to
models: .venv/ready
	@test -n "$(PEOPLE)" || { echo "error: PEOPLE is not set. Name the folder with the people's shards: make models PEOPLE=…" >&2; exit 2; }
	mkdir -p "$(MODELS)"
	python -m jobs.train_likeness --people "$(PEOPLE)" --output "$(MODELS)"
	python -m jobs.train_vae --people "$(PEOPLE)" --output "$(MODELS)/start"
	python -m jobs.prepare --people "$(PEOPLE)" --variations 4 --latents --output "$(MODELS)/pairs" --set generator.weights="$(MODELS)/start"
	python -m jobs.finetune --recipe cluster/recipes/scratch.yaml --set base="$(MODELS)/start" --pairs "$(MODELS)/pairs" --output "$(MODELS)"
	for task in segment depth; do \
	  python -m jobs.train_cues --people "$(PEOPLE)" --output "$(MODELS)" --task $$task \
	    $${BACKGROUNDS:+--backgrounds "$$BACKGROUNDS"} $$(test $$task = segment || echo --init "$(MODELS)/segment.safetensors"); done
	python -m jobs.train_witness --people "$(PEOPLE)" --output "$(MODELS)"

clean:
	rm -rf .venv .cache output
