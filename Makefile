FUZZTIME ?= 50000x
BENCH    ?= .

.DEFAULT_GOAL := help
.PHONY: help build test race lint fmt tidy fuzz bench example ci clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  %-8s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

build: ## compile every package
	go build ./...

test: ## run the tests
	go test ./...

race: ## run the tests with the race detector, in random order
	go test -race -shuffle=on -timeout=55m ./...

lint: ## run the linters, in the version that CI uses
	bash .ci/run lint

fmt: ## format the code and sort its imports
	bash .ci/run fmt

tidy: ## bring go.mod and go.sum up to date
	go mod tidy

fuzz: ## run each fuzz target for FUZZTIME (50000 inputs; 1m: a minute)
	FUZZTIME=$(FUZZTIME) bash .ci/run fuzz

bench: ## run the benchmarks that match BENCH (all)
	go test -run='^$$' -bench='$(BENCH)' -benchmem ./...

example: ## run the example
	go run ./example

ci: ## run everything that CI runs
	bash .ci/run

clean: ## remove what tests and builds leave behind
	rm -rf bin coverage.txt
	find . -path ./.git -prune -o -type f \( -name '*.test' -o -name '*.out' -o -name '*.db' -o -name '*.db-shm' -o -name '*.db-wal' \) -exec rm -f {} +
	go clean -testcache
