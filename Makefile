# "make help" lists what there is.
.DEFAULT_GOAL := help

VERSION := $(shell git describe --tags --always --dirty 2>/dev/null)
LDFLAGS := -s -w -X main.version=$(VERSION)
# Without it grpc links html/template, which may call any method by its name: then the linker keeps all methods of all
# types, 20 MB of them.
TAGS := grpcnotrace

# Debian's packages, as PROGRAM:PACKAGE; only those whose program is missing are installed.
RUN_NEEDS  := containerd:containerd runc:runc /usr/lib/cni/bridge:containernetworking-plugins iptables:iptables
DEMO_NEEDS := $(RUN_NEEDS) skopeo:skopeo /usr/bin/aws:awscli curl:curl jq:jq
TEST_NEEDS := $(DEMO_NEEDS) mkfs.ext4:e2fsprogs nsenter:util-linux /usr/lib/postgresql/*/bin/initdb:postgresql docker-registry:docker-registry \
              dockerd:docker.io docker:docker.io ip:iproute2 pgrep:procps gcc:gcc node:nodejs python3:python3

# An S3 server for tests.
bin/versitygw:
	GOBIN=$(CURDIR)/bin go install github.com/versity/versitygw/cmd/versitygw@v1.8.0

# What "aws ecs execute-command" runs.
bin/session-manager-plugin:
	go build -C scripts/plugin -o $(CURDIR)/bin/session-manager-plugin github.com/aws/session-manager-plugin/src/sessionmanagerplugin-main

export PATH := $(CURDIR)/bin:$(PATH)

.PHONY: build demo test race matrix crash chaos sim bench bench-tasks bench-registry bench-placement bench-calls bench-functions runtimes lint generate clean help

build: ## Build bin/slipway
	CGO_ENABLED=0 go build -trimpath -tags $(TAGS) -ldflags "$(LDFLAGS)" -o bin/slipway ./cmd/slipway

demo: ## Build, start Slipway, push an image and run it; Ctrl-C ends it (as root)
	@scripts/need $(DEMO_NEEDS)
	@$(MAKE) -s build
	@scripts/demo

test: lint bin/versitygw bin/session-manager-plugin ## Install what the tests need and run all of them (as root)
	@scripts/need $(TEST_NEEDS)
	@# The longest come first. Tests wait more than they compute: more of them are under way than there are cores. lint has vetted them.
	SLIPWAY_TEST_ALL=1 go run ./scripts/timings -vet=off -timeout 25m -p 3 -parallel 4 -skip '^TestCrash$$' ./cmd/slipway ./engine/containerd ./cluster ./...
	@# Alone: beside other tests, a machine this small starves containerd of the seconds that it gives its shims.
	SLIPWAY_TEST_ALL=1 go test -timeout 10m -p 1 -run '^TestCrash$$' ./cmd/slipway ./engine/containerd ./audit

race: bin/versitygw bin/session-manager-plugin ## Run the tests under the race detector
	@scripts/need $(TEST_NEEDS)
	SLIPWAY_TEST_ALL=1 go test -race -timeout 60m ./...

matrix: ## Have all kinds of callers make every call, on both databases
	@scripts/need $(TEST_NEEDS)
	SLIPWAY_TEST_ALL=1 go test -count=1 -timeout 20m -v -run TestMatrix ./server -matrix.full

crash: ## 100 rounds of kill -9 while images are pushed and tasks run (as root)
	@scripts/need $(TEST_NEEDS)
	SLIPWAY_TEST_ALL=1 go test -count=1 -timeout 60m -v -run TestCrash ./cmd/slipway -crash.rounds 100

chaos: ## Five minutes of kills and rolling updates of a service that is asked all the time (as root; MINUTES=N)
	@scripts/need $(TEST_NEEDS)
	SLIPWAY_TEST_ALL=1 go test -count=1 -timeout 60m -v -run TestServicesInTheStorm ./cmd/slipway -chaos.minutes $(or $(MINUTES),5)

sim: ## Ten minutes of 1,000 machines that fail in every way, from a new seed (SEED=N, MINUTES=N)
	go test -count=1 -timeout 60m -v -run TestManyMachines ./sim -sim.nodes 1000 -sim.minutes $(or $(MINUTES),10) -sim.seed $(or $(SEED),0)

bench: ## Print task starts, pushes and pulls beside their peers (as root)
	@scripts/need $(TEST_NEEDS)
	@$(MAKE) -s bench-calls
	go run ./bench/tasks
	go run ./bench/registry

bench-tasks: ## Print task starts, pulls, crowds and logs beside ctr, runc and docker (as root)
	@scripts/need $(TEST_NEEDS)
	go run ./bench/tasks

bench-registry: ## Print pushes and pulls of layers up to 1 GiB, and small requests, beside docker-registry
	@scripts/need docker-registry:docker-registry
	go run ./bench/registry

bench-placement: ## Print how many tasks a second get a machine, over 500 to 10,000 machines in SQLite and PostgreSQL
	go run ./bench/placement

bench-functions: ## Print calls of functions beside plain HTTP to the same handler, and cold starts beside ctr and runc (as root)
	@scripts/need $(TEST_NEEDS) wrk:wrk
	go run ./bench/functions

bench-ingress: ## Print requests through a load balancer beside nginx, and beside going straight to the target
	@scripts/need nginx:nginx-light wrk:wrk
	go run ./bench/ingress

bench-calls: ## Print what one core verifies and authorizes, beside the AWS SDK's signing
	go test -run '^$$' -bench 'BenchmarkCall|BenchmarkEvaluate/statements' -cpu 1 ./server ./accounts/policy

runtimes: ## Make the images for Node.js and Python functions and push them into the Slipway that runs here (as root)
	@scripts/need jq:jq /usr/share/keyrings/debian-archive-keyring.gpg:debian-archive-keyring
	@$(MAKE) -s build
	@scripts/runtimes

lint: ## Check formatting and run go vet
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { echo "not gofmt-ed:"; gofmt -l $$(git ls-files '*.go'); exit 1; }
	go vet ./...

generate: ## Write the generated files anew from api/gen/models
	go generate ./...

clean: ## Remove what was built
	rm -rf bin

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
