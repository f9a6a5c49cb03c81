# `make run` and `make test` install what they need; a fresh machine needs only Python 3.11+ and make.
SHELL := /bin/bash
PYTHON ?= python3
# Where torch comes from: its CPU build is 5 GB smaller than PyPI's. Empty: PyPI.
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu
BIN := .venv/bin
UV := $(shell command -v uv)
# Show progress only on a terminal, and only for the first installation, which downloads the most.
QUIET = $(if $(and $(MAKE_TERMOUT),$(if $(wildcard $@),,first)),,--quiet)
INSTALL = $(if $(UV),$(UV) pip install --python $(@D)/bin/python,$(@D)/bin/python -m pip install --disable-pip-version-check) $(QUIET)

# Nothing that is built from source, and nothing that is not named.
WHEELS := --no-deps --only-binary :all:
# Whether the installed torch is one without CUDA, which needs no other packages of its index. pip may also find PyPI's
# build, where its configuration names more places than the index.
CPU_BUILD = $(@D)/bin/python -c "import sys; from importlib.metadata import version; \
  sys.exit(sys.platform == 'linux' and '+cpu' not in version('torch'))"

# To the locked version: older ones know no dependency groups.
UPDATE_PIP = $(if $(UV),,@$(INSTALL) --quiet --require-hashes -r <(sed -n '/^pip==/,/[^\]$$/p' requirements-dev.lock))

.DEFAULT_GOAL := help
.PHONY: help install add classify models run test clients test-fast test-images test-thorough test-faults coverage images check audit format lock clean
.PHONY: doctor plan build deploy compare promote abort status logs keys rollback destroy cost
.PHONY: benchmark size calibrate screenshots page-figures soak pictures tables

help: ## list the targets
	@grep -hE '^[a-z-]+:.*?## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 14

install: .venv/.installed ## install every Python dependency into .venv, with uv or else pip

# $(call install_into,NAME,ARGUMENTS): create the environment that holds the target, and install torch and ARGUMENTS into it.
define install_into
@test -x $(@D)/bin/python || $(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11))" || { \
  echo "$(PYTHON) is not Python 3.11 or newer. Name one that is: make install PYTHON=python3.12"; exit 1; }
@test -x $(@D)/bin/python || $(PYTHON) -m venv $(@D)
@echo "Installing $(1) into $(@D) (the first time takes a few minutes) …"
$(UPDATE_PIP)
@{ test -n "$(TORCH_INDEX)" && $(INSTALL) $(if $(UV),,--retries 0) $(WHEELS) --index-url "$(TORCH_INDEX)" \
  -r services/torch.txt && $(CPU_BUILD); } 2>/dev/null || { echo "No CPU build of torch at $(TORCH_INDEX). Installing PyPI's."; \
  $(INSTALL) --force-reinstall $(WHEELS) --require-hashes -r services/torch.lock; }
@$(INSTALL) $(2)
@touch $@
endef

.venv/.installed: requirements-dev.lock services/torch.txt services/torch.lock
	$(call install_into,the dependencies,--no-deps --require-hashes -r requirements-dev.lock)

# Terminate the program when make is killed.
TETHER := $(if $(shell command -v setpriv),setpriv --pdeathsig TERM --)

run: install ## run everything on this machine: MODELS="a b" GATEWAY_PORT=8080 FRONTEND_PORT=8501 API_KEY=local
	@$(TETHER) $(BIN)/python -m deploy local

add: install ## add a model to the catalog, and export it: MODEL=FILE, a folder, or hub:ORGANISATION/NAME; ARGS="--dry-run"
	@$(BIN)/python -m services.export add $(MODEL) $(ARGS)

classify: install ## classify a folder, or a list of URLs: IMAGES=folder MODELS="a b" OUT=results.csv; ARGS="--help"
	@$(BIN)/python -m frontend.classify $(if $(IMAGES),"$(IMAGES)") $(if $(MODELS),--model "$(MODELS)") $(if $(OUT),--out "$(OUT)") $(ARGS)

models: install ## export the default models into .models
	@$(BIN)/python -m services.export

# Whatever the environment says: else every process compiles the code and the tests again.
test test-fast test-images test-thorough test-faults: export PYTHONDONTWRITEBYTECODE :=

test: models ## run the tests, except the sets below that take long (minutes)
	@# One more worker than processors, because tests also wait; a file per worker, so that its fixtures start once.
	@$(BIN)/python -m pytest -n $$(($$(getconf _NPROCESSORS_ONLN) + 1)) --dist loadfile --no-loadscope-reorder $(PYTEST_ARGS)

.venv-clients/.installed: pyproject.toml
	@test -x $(@D)/bin/python || $(PYTHON) -m venv $(@D)
	$(UPDATE_PIP)
	@$(INSTALL) --group clients
	@touch $@

clients: .venv-clients/.installed ## install the clients of Triton, KServe, Vertex AI and SageMaker, for their tests

test-fast: install ## run the tests that start no process, browser or server: under 30 s
	@$(BIN)/python -m pytest -n 2 -m "not integration and not images and not thorough"

test-images: models ## build, push and start the images (minutes; needs Docker or buildah)
	@$(BIN)/python -m pytest -m images tests/images

test-thorough: models ## run the tests that take too long for `make test`, test-faults among them (over half an hour)
	@$(BIN)/python -m pytest -m thorough

test-faults: install ## run deployments in which every write fails in every way, with the real gcloud (half an hour)
	@$(BIN)/python -m pytest tests/deploy -m thorough

coverage: PYTEST_ARGS = --cov --cov-report=term --cov-report=html
coverage: test ## run the tests and report which lines they ran, in the terminal and in htmlcov

check: install ## check format, lint, types, spelling, Dockerfiles, YAML and the Cloud Build files
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/codespell
	@$(BIN)/hadolint services/base.Dockerfile services/Dockerfile services/directory/Dockerfile frontend/Dockerfile
	@$(BIN)/yamllint --strict .github .pre-commit-config.yaml cloudbuild deploy gateway services deliverables.yaml
	@$(BIN)/python -m deploy images --check

audit: install ## look up known vulnerabilities in the images' packages; write each image's bill of materials to .audit
	@$(BIN)/python .ci/audit.py

format: install ## format the code and apply safe lint fixes
	@$(BIN)/ruff format . && $(BIN)/ruff check --fix .

# One lock file per image and one for .venv, with the hash of every file that may be installed. Compiling keeps the
# versions already locked; delete a lock file first to upgrade everything that pyproject.toml does not pin.
COMPILE := $(BIN)/uv pip compile pyproject.toml --quiet --no-annotate --no-emit-index-url --generate-hashes \
	--custom-compile-command "make lock" --python-version 3.11
IMAGE := --python-platform linux
# Torch has other files on every index. torch.txt pins its versions for any index; torch.lock has the hashes of PyPI's
# files, and of all that only they need.
FROM_TORCH := torch|torchvision|triton|nvidia-[a-z0-9-]+|cuda-[a-z-]+
DROP_TORCH := awk 'BEGIN {kept = 1} /^[a-z]/ {kept = !/^($(FROM_TORCH))==/} kept'
KEEP_TORCH := awk '/^\#/; /^[a-z]/ {kept = /^($(FROM_TORCH))==/} kept'
# Replace a file only if it changed: .venv is installed anew whenever one of its files is newer.
define replace
	@cmp -s $(1).new $(1) && rm $(1).new || mv $(1).new $(1)
endef
DEV_GROUPS := classifier directory export gateway frontend classify deploy test check

lock: $(BIN)/uv ## write the hash-locked requirements of the images and of .venv, from the pins in pyproject.toml
	@$(COMPILE) $(IMAGE) --group catalog --output-file services/catalog.lock >/dev/null
	@$(COMPILE) $(IMAGE) --group classifier --output-file services/classifier.lock >/dev/null
	@$(COMPILE) $(IMAGE) --group directory --output-file services/directory.lock >/dev/null
	@$(COMPILE) $(IMAGE) --group frontend --output-file frontend/frontend.lock >/dev/null
	@$(COMPILE) $(IMAGE) --group export --output-file services/export.lock >/dev/null
	@$(DROP_TORCH) services/export.lock >services/export.lock.new
	$(call replace,services/export.lock)
	@test ! -e requirements-dev.lock || cp requirements-dev.lock requirements-dev.lock.all
	@$(COMPILE) --universal $(DEV_GROUPS:%=--group %) --output-file requirements-dev.lock.all >/dev/null
	@$(DROP_TORCH) requirements-dev.lock.all >requirements-dev.lock.new
	@$(KEEP_TORCH) requirements-dev.lock.all >services/torch.lock.new; rm requirements-dev.lock.all
	$(call replace,requirements-dev.lock)
	$(call replace,services/torch.lock)
	@sed -nE 's/^ *"(torch(vision)?==[^"]+)".*/\1/p' pyproject.toml | sort -u >services/torch.txt.new
	$(call replace,services/torch.txt)

# `make lock` must also work while requirements-dev.lock is out of date, so it does not depend on `install`.
$(BIN)/uv:
	@$(MAKE) install

images: install ## build images on this machine, with Docker or buildah: IMAGES="a b" REGISTRY=127.0.0.1:5000/guichet
	@$(BIN)/python -m deploy images $(IMAGES) $(if $(REGISTRY),--registry $(REGISTRY))

# Google Cloud. All of these read PROJECT_ID, REGION, REPOSITORY and MODELS; YES=1 skips the questions.
doctor: install ## check the requirements of a deployment; FIX=1 repairs what is safe to repair
	@$(BIN)/python -m deploy doctor $(if $(FIX),--fix)

plan: install ## show what `make deploy` would do, with the commands; SCRIPT=FILE writes a script, OFFLINE=1 asks nobody
	@$(BIN)/python -m deploy plan $(if $(SCRIPT),--script $(SCRIPT))

build: install ## build the missing images in Cloud Build
	@$(BIN)/python -m deploy build

deploy: install ## deploy everything to Google Cloud, or update it there; STAGE=1 gives new revisions no traffic
	@$(BIN)/python -m deploy up

compare: install ## show what the staged revisions would change: IMAGES=folder
	@$(BIN)/python -m deploy compare

promote: install ## send all traffic to the staged revisions, or PERCENT=10 of it
	@$(BIN)/python -m deploy promote

abort: install ## send all traffic back to the revisions before STAGE=1
	@$(BIN)/python -m deploy abort

status: install ## show what is deployed and its state; WATCH=1 refreshes
	@$(BIN)/python -m deploy status $(if $(WATCH),--watch)

logs: install ## show the latest log lines: MODEL=name REQUEST=id FOLLOW=1
	@$(BIN)/python -m deploy logs $(MODEL)

keys: install ## list the API keys: CREATE=consumer, ROTATE=consumer or REVOKE=key changes them; LOCAL=file: the local gateway's
	@$(BIN)/python -m deploy keys

rollback: install ## return to the previous release, or to RELEASE=number
	@$(BIN)/python -m deploy rollback $(RELEASE)

destroy: install ## remove what was deployed; FORCE=1 also disables APIs that were used lately
	@$(BIN)/python -m deploy down

cost: install ## estimate the monthly cost: REQUESTS=number per model
	@$(BIN)/python -m deploy cost $(if $(REQUESTS),--requests $(REQUESTS))

# The peers have an environment of their own, because some of them need other versions of what the services use.
.venv-peers/.installed: pyproject.toml services/torch.txt
	$(call install_into,the peers,--group benchmark)

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
	rm -rf .venv .venv-clients .venv-peers .models
