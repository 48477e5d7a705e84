TOOL := go tool -modfile=$(CURDIR)/internal/tools/go.mod
# The race detector needs a C compiler; without one the tests run without it. CI asks for it by name.
RACE := $(shell [ "$$(go env CGO_ENABLED)" = 1 ] && command -v "$$(go env CC)" >/dev/null 2>&1 && echo -race)
ALLINONE := bin/sallyport-allinone
# Paths in ARGS count from where make was called, also with make -C.
CALLED_FROM := $(or $(PWD),$(CURDIR))

.PHONY: help demo test check fmt lint arrows deadcode licenses build allinone lab lab-down cross bench soak oracle
help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

demo: allinone ## the whole chain on this machine; ARGS="--yes --report out.json" asks nothing
	@cd "$(CALLED_FROM)" && exec "$(CURDIR)/$(ALLINONE)" demo $(ARGS)

test: ## all tests; real components run where they are found (make lab)
	go test $(RACE) -timeout 30m ./...
	cd deploy/allinone && CGO_ENABLED=0 go test -timeout 30m ./...

check: fmt lint arrows deadcode licenses ## format, style, import directions, determinism, dead code, licences

fmt: ## format, and fail if that changed anything
	$(TOOL) golangci-lint fmt
	gofmt -l deploy/allinone | (! grep .)
	git diff --exit-code -- '*.go'

lint: ## golangci-lint, workflowcheck, vet of the all-in-one
	$(TOOL) golangci-lint run ./...
	$(TOOL) workflowcheck -config workflowcheck.yaml ./workflows
	cd deploy/allinone && CGO_ENABLED=0 go vet ./...

arrows: ## imports go down only
	go test -run 'Arrow|Reach' ./workflows ./internal/house

deadcode: ## functions that no program and no test of either module reaches
	./internal/tools/deadcode.sh

licenses: ## licences of what we link: nothing of the GPL family
	go test -run Licences ./internal/house

build: allinone ## bin/sallyport, bin/sallyport-worker and bin/sallyport-allinone
	go build -o bin/sallyport ./starter
	go build -o bin/sallyport-worker ./worker

allinone: # says that the first build takes minutes, before it begins
	@[ -x $(ALLINONE) ] || echo "Building; the first time this takes 5 to 10 minutes and downloads 240 MB (Temporal's server and UI)." >&2
	@cd deploy/allinone && CGO_ENABLED=0 go build -ldflags='-s -w' -o ../../$(ALLINONE) .

cross: ## both modules build for macOS and Windows
	./internal/tools/cross.sh

soak: build ## a million documents on three OpenSearch nodes that are killed, and so is the worker; prints one JSON line last (ARGS="-documents 200000")
	go run ./deploy/lab/soak $(ARGS)

lab: ## install and start the real components that can run here
	./deploy/lab/lab.sh up

lab-down: ## stop them
	./deploy/lab/lab.sh down

oracle: ## the whole oracle of the rules, without the race detector, then each fuzz target of the engine for FUZZTIME (5m)
	go test -count=1 -timeout 60m -run 'PlainEvaluator|Native|Hostile' ./rules
	go test -run NONE -fuzz FuzzEngineIsThePlainEvaluator -fuzztime $(or $(FUZZTIME),5m) ./rules/engine

bench: ## in ratios of one run: the detection engine against decoding, a bare scan and its bars; with an OpenSearch (make lab), the reader against bare searches, incident starts against bare ones, and how soon they come
	go test -run '^$$' -bench 'Ratio|Allocations|Twice|Load' -benchtime 1x -cpu 1 ./rules
	go test -run '^$$' -bench TwoGoroutines -benchtime 1x -cpu 2 ./rules
	go test -run '^$$' -bench 'Reader$$' -benchtime 2x ./worker/detect
	cd deploy/allinone && CGO_ENABLED=0 go test -v -run '^$$' -bench 'IncidentStarts|SearchableToStarted' -benchtime 2x ./embedded
