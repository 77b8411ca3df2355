# Chartvault: make run and make test need nothing but Debian, make and Go.

BIN     := bin/chartvault
TOOLS   := .cache/bin
GOFLAGS := -trimpath

.PHONY: build run test lint tools browser deps test-deps bench soak mutate fuzz clean

build: deps            ## the one binary
	go build $(GOFLAGS) -o $(BIN) ./cmd/chartvault

run: build             ## a trial archive with sample charts in ./data
	@scripts/run.sh

test: test-deps tools browser lint   ## everything, with the race detector
	CGO_ENABLED=0 go build -o /dev/null ./cmd/chartvault
	go test -race -timeout 60m ./...

lint: tools
	@unformatted=$$(gofmt -l $$(git ls-files '*.go')); if [ -n "$$unformatted" ]; then echo "gofmt would change:"; echo "$$unformatted"; exit 1; fi
	go vet ./...
	$(TOOLS)/staticcheck ./...
	@scripts/vulncheck.sh $(TOOLS)/govulncheck

tools: $(TOOLS)/.built ## staticcheck, govulncheck, the stock age tool and an S3 server for the tests
$(TOOLS)/.built: tools/go.mod tools/go.sum
	mkdir -p $(TOOLS)
	cd tools && go build -o ../$(TOOLS)/ tool
	touch $@

browser: web/e2e/node_modules/.built ## what drives the browser in the tests
web/e2e/node_modules/.built: web/e2e/package-lock.json
	cd web/e2e && npm ci --ignore-scripts --no-audit --no-fund --silent
	touch $@

deps:
	@scripts/deps.sh build

test-deps:
	@scripts/deps.sh build test

bench: build test-deps browser ## pages a minute and words read right, side by side with bare Tesseract and OCRmyPDF
	@scripts/deps.sh build test bench
	@scripts/bench.sh

soak: test-deps tools  ## the long campaigns: kills, power cuts, flips, swaps, a rebuild of ten thousand, every hostile file, hundreds of spoiled sheets, a million charts, ten thousand years, mutants, fuzzing
	CHARTVAULT_KILLS=200 go test -timeout 120m -run 'TestKill|TestStationKill' -v ./cmd/chartvault
	CHARTVAULT_SECONDS=600 go test -timeout 60m -run 'TestServersKill' -v ./cmd/chartvault
	CHARTVAULT_READS=1000 go test -timeout 120m -run 'TestNoByteWithoutEntry' -v ./cmd/chartvault
	CHARTVAULT_CUTS=10000 go test -timeout 1440m -parallel 8 -run 'TestPowerCuts' -v ./cmd/chartvault
	CHARTVAULT_STEPS=10000 go test -timeout 240m -parallel 3 -run 'TestModel' -v ./cmd/chartvault
	CHARTVAULT_FAULTS=all go test -timeout 60m -run 'TestTakeOverEveryCallFails' -v ./archive
	CHARTVAULT_KILLS=60 CHARTVAULT_ROTATE=10000 go test -timeout 60m -run 'TestRotateKill' -v ./cmd/chartvault
	CHARTVAULT_FLIPS=50000 CHARTVAULT_SWAPS=100 go test -timeout 60m -run 'TestFlips|TestSwaps' -v ./archive
	CHARTVAULT_REBUILD=10000 go test -timeout 60m -run 'TestRebuildEqual' -v ./cmd/chartvault
	CHARTVAULT_PLAN=10000 go test -timeout 60m -run 'TestPlanKill' -v ./cmd/chartvault
	CHARTVAULT_PEOPLE=500000 go test -timeout 30m -run 'TestMisspeltNames' -v ./mpi
	CHARTVAULT_HOSTILE=all go test -timeout 60m -run 'TestHostile' ./ocr
	CHARTVAULT_HOSTILE=300 go test -timeout 60m -run 'TestHostileFolder' -v ./cmd/chartvault
	CHARTVAULT_SHEETS=40 go test -timeout 60m -run 'TestSheets' -v ./ocr
	CHARTVAULT_CHARTS=1000000 go test -timeout 60m -run 'TestOracle' -v ./retention
	CHARTVAULT_YEARS=10000 go test -timeout 180m -run 'TestSimulation' -v ./disposition
	$(MAKE) mutate
	$(MAKE) fuzz

mutate: ## what the tests of deciding and of the gate do not notice
	CHARTVAULT_CHARTS=3000 go run ./internal/mutate -pkg ./retention decide.go facts.go hold.go
	CHARTVAULT_YEARS=6 go run ./internal/mutate -pkg ./disposition -known disposition/testdata/mutants.txt gate.go approval.go clock.go notice.go canary.go run.go

FUZZTIME ?= 30s
fuzz:
	@scripts/fuzz.sh $(FUZZTIME)

clean:
	rm -rf bin .cache
