# Each target is one command that installs what it needs. `make` alone lists the targets.
.DEFAULT_GOAL := help
SHELL := /bin/sh
# Node 24 is an npm package here. The Node of the system only runs npm.
export PATH := $(CURDIR)/node_modules/.bin:$(PATH)

PROVIDER ?= local

.PHONY: help test unit integration e2e kind chaos bench fuzz fuzz-felix mutants demo demo-probe demo-stop generate format build image install-yaml executables krew clean

help: ## list the targets
	@sed -n 's/^\([a-z][a-z0-9-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14

test: cluster-ready node_modules/.installed ## everything that CI runs
	@node hack/test.ts

unit: npm-ready node_modules/.installed ## tests without a cluster; needs only npm
	@node hack/test.ts unit

integration: cluster-ready node_modules/.installed ## tests against a real API server and Calico
	@node hack/test.ts tools programs integration more-integration

e2e: cluster-ready node_modules/.installed ## scenarios with packets, many more than make test has time for; SCENARIO=S3 runs one; PROVIDER=kind on nodes with a kubelet
	@SCENARIO='$(SCENARIO)' node hack/test.ts $(if $(filter kind,$(PROVIDER)),kind-packets,$(if $(filter local,$(PROVIDER)),tools programs packets $(if $(SCENARIO),,more-packets changes),$(error PROVIDER is local or kind)))

kind: cluster-ready node_modules/.installed ## the operator from its image on nodes with a kubelet, in containers; a quarter of an hour more the first time
	@node hack/test.ts kind

chaos: cluster-ready node_modules/.installed ## a campaign of faults on the local cluster; COUNT=, SEED=, FAULT=, RATE=
	@COUNT='$(COUNT)' SEED='$(SEED)' FAULT='$(FAULT)' RATE='$(RATE)' node e2e/chaos/main.ts

bench: cluster-ready node_modules/.installed build ## measures the figures of docs/benchmarks.md; ONLY=a,e some of them, UPDATE=1 writes them there
	@ONLY='$(ONLY)' UPDATE='$(UPDATE)' node e2e/bench/bench.ts

fuzz: npm-ready node_modules/.installed ## properties with more examples; FUZZ_RUNS=, SEED=
	@node hack/test.ts fuzz

fuzz-felix: cluster-ready node_modules/.installed ## the simulator against Felix, with packets; COUNT=, SEED=, MINUTES=, SHAPE=, PACKETS=, RECORD=FILE, MUTANTS=1, FLOWS=1
	@COUNT='$(COUNT)' SEED='$(SEED)' MINUTES='$(MINUTES)' SHAPE='$(SHAPE)' MUTANTS='$(MUTANTS)' RECORD='$(RECORD)' FLOWS='$(FLOWS)' PACKETS='$(PACKETS)' node e2e/fuzz-felix/main.ts

mutants: npm-ready node_modules/.installed ## changes of the code that no unit test notices; DIR=, COUNT=, SEED=, TESTS=, FUZZ_RUNS=, WORKERS=
	@DIR='$(DIR)' COUNT='$(COUNT)' SEED='$(SEED)' TESTS='$(TESTS)' FUZZ_RUNS='$(FUZZ_RUNS)' WORKERS='$(WORKERS)' node hack/mutants.ts

demo: cluster-ready node_modules/.installed ## a local cluster, the operator, WordPress, packets before and after
	@node e2e/demo/demo.ts up

demo-probe: node_modules/.installed ## the table of the running demo again
	@node e2e/demo/demo.ts probe

demo-stop: node_modules/.installed ## ends the running demo and removes its cluster
	@node e2e/demo/demo.ts stop

generate: node_modules/.installed ## writes the generated files: the CRD and its reference, docs/api.md
	@node hack/generate.ts

format: node_modules/.installed ## formats every file
	@prettier --log-level warn --write .

build: node_modules/.installed ## the command and operator as one file, dist/clusterfirewall.js
	@node hack/build.ts

image: npm-ready node_modules/.installed ## dist/image.tar, on Debian without an engine; PLATFORMS=linux/amd64,linux/arm64; or BASE= IMAGE= DOCKER= with one
ifeq ($(BASE),)
	@for program in buildah dpkg-deb; do command -v $$program >/dev/null || { echo "make image needs $$program: apt-get install buildah dpkg, or BASE= an image with Node 24.9 or newer" >&2; exit 1; }; done
	@node hack/image.ts $(PLATFORMS)
else
	@node hack/build.ts
	@$(or $(DOCKER),docker) build --build-arg BASE='$(BASE)' --tag '$(or $(IMAGE),clusterfirewall:0.1.0)' .
endif

install-yaml: node_modules/.installed ## config/default in one file, dist/install.yaml; IMAGE=
	@node hack/install-yaml.ts '$(IMAGE)'

executables: node_modules/.installed ## the command line with Node in one file, for linux-amd64, linux-arm64 and windows-amd64
	@node hack/executables.ts

krew: executables ## packs the executables for kubectl's package manager, with a manifest; REPOSITORY=https://github.com/OWNER/NAME
	@node hack/krew.ts '$(REPOSITORY)'

clean: ## removes packages and bundles; built Go programs stay in the user's cache
	rm -rf node_modules dist

.PHONY: npm-ready cluster-ready
npm-ready:
	@hack/prerequisites.sh npm
cluster-ready:
	@hack/prerequisites.sh cluster

node_modules/.installed: package.json package-lock.json .npmrc
	@echo "npm packages, about a minute"
	npm ci --loglevel=error
	@touch $@
