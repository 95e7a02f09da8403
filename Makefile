# Targets for people and for CI. "make help" lists them.
SHELL := /bin/bash
.DEFAULT_GOAL := help

GOLANGCI_VERSION := v2.15.0
GOFUMPT_VERSION := v0.12.0
BIN := $(CURDIR)/.cache/bin
FUZZTIME ?= 60s
MINUTES ?= 15

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

.PHONY: build
build: ## build bin/cardline
	@test -e bin/cardline || echo "building bin/cardline: a minute or two the first time, for the database that is compiled in; a second later on"
	CGO_ENABLED=0 go build -trimpath -o bin/cardline ./cmd/cardline

.PHONY: demo
demo: build ## run the hotline with callers and agents for MINUTES=15
	./bin/cardline demo --minutes $(MINUTES)

.PHONY: run
run: build ## run the default hotline
	./bin/cardline serve

.PHONY: check
check: tools ## format, vet, lint, tidy, generated files
	@test -z "$$($(BIN)/gofumpt -l . | tee /dev/stderr)" || { echo "run make format"; exit 1; }
	go vet ./...
	go vet -tags peers ./...
	$(BIN)/golangci-lint run --build-tags peers ./...
	go mod tidy -diff
	go generate ./... && git diff --exit-code --stat

.PHONY: format
format: tools ## format the code
	$(BIN)/gofumpt -w .

.PHONY: test
test: peers check ## check, race tests, theory, real peers, 5 s of each fuzz target; at most 12 minutes on 2 cores
	go test -race -timeout 10m -p 3 ./...
	go test -count 1 -run 'TestTheory$$|TestEstimator' ./sim
	go test -tags peers -timeout 10m -count 1 -p 1 ./test/peers ./test/soak ./test/agents ./deploy
	$(MAKE) --no-print-directory fuzz FUZZTIME=5s

.PHONY: race
race: ## all tests of the code, under the race detector
	go test -race -timeout 10m -p 3 ./... # some of them mostly wait

.PHONY: fuzz
fuzz: ## each fuzz target for FUZZTIME=60s
	scripts/fuzz.sh $(FUZZTIME)

.PHONY: invariants
invariants: ## ten million random commands to the router, about ten minutes
	scripts/invariants.sh 10000000

.PHONY: theory
theory: ## the simulator against thirty queues that theory knows, in long runs, about half an hour
	LONG=1 go test -count 1 -timeout 65m -v -run TestTheoryLong ./sim

.PHONY: month
month: ## a month of 3.26 million calls and 1,795 agents in the simulator
	MONTH=30 go test -count 1 -v -run TestMonth ./sim

.PHONY: soak
soak: build ## 300 calls at once for five minutes, reconciled to the last call; then strangers beside honest callers, two minutes
	SOAK=5m go test -timeout 20m -count 1 -v -run TestSoak ./test/soak
	go test -timeout 10m -count 1 -v ./test/strangers -strangers.for=1m

.PHONY: agents
agents: ## 40 agents and 200 callers for ten minutes, phones that die and come back
	go test -timeout 20m -count 1 -v ./test/agents -agents.for=10m

.PHONY: peers-asterisk
peers-asterisk: ## the moment in which an agent becomes free, beside Asterisk; by hand, see bench/peers
	bench/peers/asterisk.sh

.PHONY: bench
bench: ## figures beside a floor or a peer, in bench/results.json
	go run ./bench

.PHONY: peers
peers: ## install the real peers of the tests from Debian packages
	scripts/peers.sh

.PHONY: tools
tools: ## install the linters into .cache/bin
	@scripts/tools.sh $(BIN) $(GOLANGCI_VERSION) $(GOFUMPT_VERSION)

.PHONY: clean
clean: ## remove what was built
	rm -rf bin .cache
