# `make run` and `make test` set themselves up on a fresh machine with Python 3.11+ and make.
SHELL := /bin/bash
PYTHON ?= python3
# torch's CPU build is 5 GB smaller than PyPI's; empty: PyPI's.
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu
BIN := .venv/bin
# pip shows its progress to a person, the first time, when there is much to fetch.
PIP_QUIET = $(if $(and $(MAKE_TERMOUT),$(if $(wildcard $@),,first)),,--quiet)
# What changes the environment: the pins and the interpreter, not the settings of the tools.
GROUPS := classifier directory export gateway frontend deploy test check

.DEFAULT_GOAL := help
.PHONY: help install models run test test-images images check audit format lock benchmark size calibrate screenshots page-figures clean
.PHONY: soak pictures tables doctor plan build deploy status logs rollback destroy cost test-faults

help: ## this list
	@grep -hE '^[a-z-]+:.*?## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 14

install: .venv/.installed ## everything Python needs, into .venv

# What is named, and the groups that it is: into the environment in which the target lies.
define install_into
@test -x $(@D)/bin/python || $(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11))" || { \
  echo "$(PYTHON) is not Python 3.11 or newer; name one that is, as in \`make run PYTHON=python3.12\`."; exit 1; }
@test -x $(@D)/bin/python || $(PYTHON) -m venv $(@D)
@echo "Installing $(1) into $(@D) (a few minutes the first time) …"
@$(@D)/bin/python -m pip install --quiet --disable-pip-version-check pip==26.3
@test -z "$(TORCH_INDEX)" || $(@D)/bin/python -m pip install $(PIP_QUIET) --retries 0 --index-url "$(TORCH_INDEX)" \
  -r services/torch.txt 2>/dev/null || echo "$(TORCH_INDEX) gave no torch; taking PyPI's larger build of it."
@$(@D)/bin/python -m pip install $(PIP_QUIET) $(2:%=--group %)
@touch $@
endef

.venv/.installed: pyproject.toml services/torch.txt
	$(call install_into,the dependencies,$(GROUPS))

# A make that is killed takes its child along.
TETHER := $(if $(shell command -v setpriv),setpriv --pdeathsig TERM --)

run: install ## everything on this machine: MODELS="a b" GATEWAY_PORT=8080 FRONTEND_PORT=8501 API_KEY=local
	@$(TETHER) $(BIN)/python -m deploy local

models: install ## export the default models into .models
	@$(BIN)/python -m services.export

test: models ## unit, contract and end-to-end tests
	@# One more worker than processors: tests wait as often as they compute.
	@$(BIN)/python -m pytest -n $$(($$(getconf _NPROCESSORS_ONLN) + 1)) --dist loadgroup

test-images: models ## build, push and start the images for real: minutes, and Docker or buildah
	@$(BIN)/python -m pytest -m images tests/images

check: install ## format, lint, types, and whether Cloud Build would take its files
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/hadolint services/base.Dockerfile services/Dockerfile services/directory/Dockerfile frontend/Dockerfile
	@$(BIN)/yamllint --strict .github cloudbuild deploy gateway services deliverables.yaml
	@$(BIN)/python -m deploy images --check

audit: install ## known faults in what the images install, and a bill of materials of each, into .audit
	@$(BIN)/python .ci/audit.py

format: install ## put the code into its format
	@$(BIN)/ruff format . && $(BIN)/ruff check --fix .

# What an image is built from: one file per image, with the hash of every file that pip may install. What is locked
# already stays as it is; remove a file first to move to the newest of everything that pyproject.toml does not pin.
COMPILE := $(BIN)/uv pip compile pyproject.toml --quiet --no-annotate --no-emit-index-url --generate-hashes \
	--custom-compile-command "make lock" --python-version 3.11 --python-platform linux
# Every index that torch may come from has its own files of it: pinned in torch.txt, but without hashes.
FROM_TORCH := torch|torchvision|triton|nvidia-[a-z0-9-]+|cuda-[a-z-]+

lock: install ## the hash-locked requirements of the images, from the pins in pyproject.toml
	@$(COMPILE) --group classifier --output-file services/classifier.lock >/dev/null
	@$(COMPILE) --group directory --output-file services/directory.lock >/dev/null
	@$(COMPILE) --group frontend --output-file frontend/frontend.lock >/dev/null
	@$(COMPILE) --group export --output-file services/export.lock >/dev/null
	@awk 'BEGIN {kept = 1} /^[a-z]/ {kept = !/^($(FROM_TORCH))==/} kept' services/export.lock >services/export.lock.new
	@mv services/export.lock.new services/export.lock
	@sed -nE 's/^ *"(torch(vision)?==[^"]+)".*/\1/p' pyproject.toml | sort -u >services/torch.txt.new
	@# Only a change makes what depends on it anew.
	@cmp -s services/torch.txt.new services/torch.txt && rm services/torch.txt.new || mv services/torch.txt.new services/torch.txt

images: install ## build the default images here: IMAGES="a b" REGISTRY=127.0.0.1:5000/guichet, with Docker or buildah
	@$(BIN)/python -m deploy images $(IMAGES) $(if $(REGISTRY),--registry $(REGISTRY))

test-faults: install ## deployments in which each write goes wrong in each way, with the real gcloud (half an hour)
	@$(BIN)/python -m pytest tests/deploy -m thorough

# To Google Cloud: PROJECT_ID, REGION, REPOSITORY and MODELS say where and what, YES=1 asks nothing.
doctor: install ## check what a deployment needs; FIX=1 repairs what is safe
	@$(BIN)/python -m deploy doctor $(if $(FIX),--fix)

plan: install ## what `make deploy` would do, and with which commands; SCRIPT=FILE writes them as a script
	@$(BIN)/python -m deploy plan $(if $(SCRIPT),--script $(SCRIPT))

build: install ## build the images that are missing, in Cloud Build
	@$(BIN)/python -m deploy build

deploy: install ## bring everything to Google Cloud, or up to date there
	@$(BIN)/python -m deploy up

status: install ## what is deployed, and how it is; WATCH=1 looks again and again
	@$(BIN)/python -m deploy status $(if $(WATCH),--watch)

logs: install ## what a service wrote last: MODEL=name
	@$(BIN)/python -m deploy logs $(MODEL)

rollback: install ## back to the release before, or to RELEASE=number
	@$(BIN)/python -m deploy rollback $(RELEASE)

destroy: install ## remove what was deployed
	@$(BIN)/python -m deploy down

cost: install ## what a month costs: REQUESTS=number to each model
	@$(BIN)/python -m deploy cost $(if $(REQUESTS),--requests $(REQUESTS))

# The peers have an environment of their own, because some of them need other versions of what the services use.
.venv-peers/.installed: pyproject.toml services/torch.txt
	$(call install_into,the peers,benchmark)

benchmark: install .venv-peers/.installed ## compare the services with other model servers: ARGS="--quick", see `python -m benchmarks --help`
	@$(TETHER) $(BIN)/python -m benchmarks $(ARGS)

soak: install ## run the system at twice its capacity and kill its processes; writes docs/soak.md: FOR=600
	@$(TETHER) $(BIN)/python -m benchmarks.soak $(if $(FOR),--seconds $(FOR))

pictures: install ## send hostile images to the service; writes docs/pictures.md: ARCHIVE=pillow-….tar.gz
	@$(TETHER) $(BIN)/python -m benchmarks.hostile_images $(if $(ARCHIVE),--archive $(ARCHIVE))

tables: install ## copy the measured tables into README and docs
	@$(BIN)/python -m benchmarks.harness.tables

size: install ## measure one instance of a model, and propose its cpu, memory and concurrency: MODEL=name
	@$(BIN)/python -m benchmarks.size $(MODEL)

calibrate: size

screenshots: models ## take the screenshots of the page in docs/images
	@$(BIN)/python -m benchmarks.page.screenshots

page-figures: install ## measure the page's speed; writes the table in frontend/README.md
	@$(BIN)/python -m benchmarks.page

clean: ## remove the environments and the exported models
	rm -rf .venv .venv-peers .models
