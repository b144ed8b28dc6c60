# Everything there is to do with Rollcall, a target each. `make` lists them.
# Go, make and git are enough for all but `check` (python3, npm), `sam-…` (python3),
# `interop` (web servers, openssl) and `browser` (chromium, npm). GNU make 3.81, as
# macOS has it, will do.

.DEFAULT_GOAL := help
.PHONY: help build man install uninstall run test test-all race interop fuzz check vet lint sam-build sam-validate build-CheckFunction build-NotifyFunction clean

# The version in user agents and summaries: the last tag, else the commit,
# else what a copy without git can know.
VERSION ?= $(or $(patsubst v%,%,$(shell git describe --tags --match 'v[0-9]*' 2>/dev/null)),$(addprefix 0.1.0-dev+,$(shell git rev-parse --short HEAD 2>/dev/null)),0.1.0-dev)

# -s -w leaves out the debugger's tables.
LDFLAGS = -s -w -X main.version=$(VERSION)
# -buildvcs=false: git may refuse a checkout of another user, and VERSION says it already.
COMPILE = CGO_ENABLED=0 go build -trimpath -buildvcs=false
GOBUILD = $(COMPILE) -ldflags='$(LDFLAGS)'
GOBUILD_TEST = $(subst go build,go -C test build,$(GOBUILD))
# lambda.norpc leaves out aws-lambda-go's net/rpc mode, which only the go1.x
# runtime needed. The other is a default for GODEBUG, which a program can't set
# by itself, nor should each template have to: stacks are not shrunk while checks
# wait for an answer, as they grow again with it. That was 3.6 % of a sweep's CPU.
# It takes the place of the one in the sources, so that is here again: certificates
# with a negative serial number, which all other clients accept.
GODEBUG_DEFAULT = gcshrinkstackoff=1,x509negativeserial=1
FUNCTION = $(COMPILE) -ldflags='$(LDFLAGS) -X runtime.godebugDefault=$(GODEBUG_DEFAULT)' -tags lambda.norpc

# The terminal program begins with our own instructions where there are some: they
# look whether standard output is closed, which no Go code can see.
ENTRY = $(if $(filter linux/amd64 linux/arm64,$(shell go env GOOS)/$(shell go env GOARCH)),-E main.entry)
TERMINAL = $(COMPILE) -ldflags='$(LDFLAGS) $(ENTRY)'

# Lambda's names of its architectures; the template's parameter takes the same.
ARCH ?= arm64
GOARCH_arm64 = arm64
GOARCH_x86_64 = amd64
GOARCH_FOR = $(or $(GOARCH_$(ARCH)),$(error ARCH is "$(ARCH)"; Lambda has arm64 and x86_64))

SAM = SAM_CLI_TELEMETRY=0 .venv/sam/bin/sam
CFN_LINT = .venv/cfn-lint/bin/cfn-lint

help: ## list the targets
	@awk -F ':.*## ' '/^[a-zA-Z-]+:.*## / {printf "make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## write bin/bootstrap (the function, for this machine), bin/rollcall and bin/rollcall-notify
	$(FUNCTION) -o bin/bootstrap ./functions/check
	$(TERMINAL) -o bin/rollcall ./cmd/rollcall
	$(GOBUILD) -o bin/rollcall-notify ./cmd/rollcall-notify

# The man page and the completions are made from the program's own grammar.
man: build ## write bin/rollcall.1
	bin/rollcall man > bin/rollcall.1

# Where things go, as the GNU coding standards name it; DESTDIR is put before
# all of it, for packagers.
PREFIX ?= /usr/local
SHARE = $(DESTDIR)$(PREFIX)/share
INSTALLED = "$(DESTDIR)$(PREFIX)/bin/rollcall" "$(DESTDIR)$(PREFIX)/bin/rollcall-notify" "$(SHARE)/man/man1/rollcall.1" \
	"$(SHARE)/bash-completion/completions/rollcall" "$(SHARE)/zsh/site-functions/_rollcall" \
	"$(SHARE)/fish/vendor_completions.d/rollcall.fish"

# It builds nothing: root, for whom it runs, may have no Go.
install: ## install what make build has built, with man page and completions; PREFIX, DESTDIR
	@test -x bin/rollcall || { echo "bin/rollcall is not built: run make build first, then make install"; exit 2; }
	for file in $(INSTALLED); do mkdir -p "$$(dirname "$$file")" || exit 1; done
	install -m 755 bin/rollcall bin/rollcall-notify "$(DESTDIR)$(PREFIX)/bin/"
	bin/rollcall man > "$(SHARE)/man/man1/rollcall.1"
	bin/rollcall completion bash > "$(SHARE)/bash-completion/completions/rollcall"
	bin/rollcall completion zsh > "$(SHARE)/zsh/site-functions/_rollcall"
	bin/rollcall completion fish > "$(SHARE)/fish/vendor_completions.d/rollcall.fish"

uninstall: ## remove what install put there
	rm -f $(INSTALLED)

# The tests, the simulators and the benchmark are a module of their own, in
# test/: what they need is no part of the product. Its programs run from here.
GOTEST = go -C test

run: build ## run the checks of the events on this machine; EVENT=my.json for your own URLs
	@$(GOTEST) build -o ../bin/run ./run
	@bin/run $(EVENT)

# -short leaves out what takes longer than about a second. A test that hangs
# fails when the time of -timeout, which is its whole package's, is over.
test: ## run the quick tests (40 s)
	go test -short -timeout 2m ./...
	$(GOTEST) test -short -timeout 2m ./docs ./template

test-all: ## run all tests that need nothing but Go (5 minutes)
	go test -timeout 5m ./...
	$(GOTEST) test -timeout 10m ./...

# Where goroutines share something. What is compiled or simulated elsewhere has
# no more races for being run again. One package at a time: two at once are slow
# enough to miss deadlines.
RACE = ./cmd/rollcall ./functions/check $(addprefix ./internal/,cloud/... monitor probe publish remember resolve secret sweep testnet trust wire)
race: ## run the tests of what is concurrent with the race detector (needs a C compiler)
	CGO_ENABLED=1 go test -race -p 1 -timeout 10m $(RACE)
	CGO_ENABLED=1 $(GOTEST) test -race -p 1 -timeout 10m ./faults ./probe ./s3 ./terminal

interop: ## run the tests against servers of others too (needs nginx, caddy, h2o, apache2, haproxy, lighttpd, node, java, openssl, blackbox_exporter, zsh, fish, mandoc)
	$(GOTEST) test -count=1 -tags interop ./terminal
	$(GOTEST) test -count=1 -tags interop -run 'OpenSSL|WebServers|Scenarios' ./probe

# One fuzzer a run is all that go test takes. A find is kept in testdata/fuzz.
FUZZTIME ?= 60s
fuzz: ## look for input that breaks the event's reader or the prober
	go test -run '^$$' -fuzz '^FuzzParse$$' -fuzztime $(FUZZTIME) ./internal/plan
	go test -run '^$$' -fuzz '^FuzzRead$$' -fuzztime $(FUZZTIME) ./internal/list
	go test -run '^$$' -fuzz '^FuzzParse$$' -fuzztime $(FUZZTIME) ./internal/weburl
	go test -run '^$$' -fuzz '^FuzzProbe$$' -fuzztime $(FUZZTIME) ./internal/probe
	go test -run '^$$' -fuzz '^FuzzVerify$$' -fuzztime $(FUZZTIME) ./internal/trust

# Random frames of HTTP/2 and random TLS records: each check has to end in time.
# It takes its bounds from the lateness that each run measures, and is no part of CI.
HOSTILE ?= 10m
.PHONY: fuzz-hostile
fuzz-hostile: build ## check random hostile servers with the compiled program for HOSTILE (10m)
	ROLLCALL="$(CURDIR)/bin/rollcall" HOSTILE=$(HOSTILE) $(GOTEST) test -count=1 -v -timeout 30m -run '^TestHostile$$' ./hostile

# The compiled function among 1,000 faulty servers of each kind and as many honest ones, with the memory of
# Lambda's sizes. It takes up to 20 minutes, and a quiet machine: of a CPU that others have, too, honest servers
# get too little.
CROWD ?= 1000
.PHONY: hostile hostile-small
hostile: build ## check 1,000 faulty servers of each kind among 1,000 honest ones, in control groups (root)
	BOOTSTRAP="$(CURDIR)/bin/bootstrap" CROWD=$(CROWD) $(GOTEST) test -count=1 -v -timeout 60m -run '^TestCrowds$$' ./hostile

hostile-small: build ## the same with 100 servers of all kinds together
	BOOTSTRAP="$(CURDIR)/bin/bootstrap" CROWD=100 $(GOTEST) test -count=1 -v -short -timeout 5m -run '^TestCrowds$$' ./hostile

# Random pairs of servers, other ones each time.
MUTATIONS ?= 10000
.PHONY: trust
trust: ## compare our verdicts of certificate chains with crypto/x509's, many times
	ROLLCALL_MUTATIONS=$(MUTATIONS) go test -count=1 -v -timeout 30m -run Verdicts ./internal/trust

check: vet lint ## vet, staticcheck, gofmt, cfn-lint, checkov and asl-validator

TAGS = interop,soak,browser,ministack
STATICCHECK = $$(go -C "$(CURDIR)/test" tool -n staticcheck)
vet:
	go vet -tags $(TAGS) ./...
	$(GOTEST) vet -tags $(TAGS) ./...
	GOOS=darwin go vet ./...
	GOOS=windows go vet ./...
	$(STATICCHECK) -tags $(TAGS) ./...
	cd test && $(STATICCHECK) -tags $(TAGS) ./...
	@unformatted=$$(gofmt -l cmd functions internal test); \
	if [ -n "$$unformatted" ]; then echo "not formatted, run gofmt -w on:"; echo "$$unformatted"; exit 1; fi

ASL_VALIDATOR = .venv/asl/node_modules/.bin/asl-validator
lint: .venv/cfn-lint/installed .venv/checkov/installed $(ASL_VALIDATOR)
	$(CFN_LINT) --append-rules cfn_lint_serverless.rules --template template.yaml
	LOG_LEVEL=ERROR .venv/checkov/bin/checkov --skip-download --quiet --compact --framework cloudformation --file template.yaml
	ASL_VALIDATOR="$(CURDIR)/$(ASL_VALIDATOR)" $(GOTEST) test -count=1 -run '^TestLintedDefinition$$' ./template

# SOURCE is the list that the stack is to check. The build validates it, or all lists of events/.
sam-build: .venv/sam/installed ## build for Lambda; ARCH=arm64 (default) or x86_64
	ARCH=$(ARCH) VERSION=$(VERSION) $(SAM) build --parameter-overrides Architecture=$(ARCH)

sam-validate: .venv/sam/installed ## validate the template as SAM reads it
	$(SAM) validate --lint

# Where the alarms' messages link to: the runbook of the repository's origin, if that is on the web.
RUNBOOK ?= $(shell git config --get remote.origin.url 2>/dev/null | sed -n -E 's,^(https?://|ssh://git@|git@)([a-z0-9.-]+)[:/]([A-Za-z0-9._/-]+)$$,https://\2/\3,; s,[.]git$$,,; s,^(https://[a-z0-9.-]+/[A-Za-z0-9._/-]+)$$,\1/blob/HEAD/docs/runbook.md,p')

# release/deploy.sh says what each variable means, and gets those of the command line or
# the environment: make exports them.
AWS = $(or $(shell command -v aws),$(CURDIR)/.venv/aws/bin/aws)
.PHONY: deploy sam-deploy list
deploy: .venv/sam/installed $(filter $(CURDIR)/%,$(AWS:bin/aws=installed)) ## build and deploy: SOURCE= EMAIL= STACK= REGION= ARCH= PARAMS= TAGS= YES=1
	@AWS='$(AWS)' SAM='$(CURDIR)/.venv/sam/bin/sam' MAKE='$(MAKE)' RUNBOOK='$(RUNBOOK)' release/deploy.sh

sam-deploy: deploy # its name until now

list: build $(filter $(CURDIR)/%,$(AWS:bin/aws=installed)) ## validate a list and put it into the stack's bucket: SOURCE= STACK= REGION=
	@AWS='$(AWS)' ROLLCALL='$(CURDIR)/bin/rollcall' release/list.sh

# What `sam build` calls for the resource CheckFunction. It sees ARTIFACTS_DIR
# and the environment, not the template's parameters: ARCH has to agree with
# the parameter Architecture, and sam-build sets both. The events go along,
# so that a schedule can name one of them as its source.
build-CheckFunction:
	@test -n "$(ARTIFACTS_DIR)" || { echo "ARTIFACTS_DIR is not set: this target is for sam build"; exit 2; }
	@for list in $(if $(SOURCE),"$$SOURCE",events/*); do \
		case $$list in s3://*) continue ;; esac; \
		go run ./cmd/rollcall validate "$$list" >/dev/null || { echo "$$list can't be deployed: see above"; exit 1; }; \
	done
	GOOS=linux GOARCH=$(GOARCH_FOR) $(FUNCTION) -o "$(ARTIFACTS_DIR)/bootstrap" ./functions/check
	cp -R events "$(ARTIFACTS_DIR)/"

build-NotifyFunction: # the same for the resource NotifyFunction
	@test -n "$(ARTIFACTS_DIR)" || { echo "ARTIFACTS_DIR is not set: this target is for sam build"; exit 2; }
	GOOS=linux GOARCH=$(GOARCH_FOR) $(COMPILE) -ldflags='$(LDFLAGS)' -tags lambda.norpc -o "$(ARTIFACTS_DIR)/bootstrap" ./functions/notify

# What deploys and checks without Go: dist/README.md says how. The zips have the same
# bytes for the same sources.
PLATFORMS = linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64 windows/arm64
.PHONY: release programs function-zip
release: .venv/sam/installed ## write dist/: the programs for six platforms, the function's zips, a plain template, checksums
	rm -rf dist
	mkdir dist
	for platform in $(PLATFORMS); do \
		os=$${platform%/*} arch=$${platform#*/}; \
		GOOS=$$os GOARCH=$$arch $(MAKE) --no-print-directory programs SUFFIX="-$$os-$$arch$$([ $$os != windows ] || echo .exe)" || exit 1; \
	done
	$(MAKE) --no-print-directory function-zip ARCH=arm64
	$(MAKE) --no-print-directory function-zip ARCH=x86_64
	echo '$(VERSION)' > dist/VERSION
	.venv/sam/bin/python release/plain_template.py template.yaml '$(VERSION)' > dist/template.json
	cp release/deploy.sh release/list.sh release/README.md LICENSE dist/
	cd dist && { command -v sha256sum >/dev/null && sha256sum * || shasum -a 256 *; } > ../SHA256SUMS.new && mv ../SHA256SUMS.new SHA256SUMS

programs: # for GOOS and GOARCH
	$(TERMINAL) -o "dist/rollcall$(SUFFIX)" ./cmd/rollcall
	$(GOBUILD) -o "dist/rollcall-notify$(SUFFIX)" ./cmd/rollcall-notify

function-zip:
	rm -rf dist/package
	mkdir dist/package
	$(MAKE) --no-print-directory build-CheckFunction ARCH=$(ARCH) SOURCE=events/gafam.json ARTIFACTS_DIR="$(CURDIR)/dist/package"
	find dist/package -exec touch -t 198001020000 {} +
	cd dist/package && python3 -m zipfile -c ../check-$(ARCH).zip bootstrap events
	rm -rf dist/package
	mkdir dist/package
	$(MAKE) --no-print-directory build-NotifyFunction ARCH=$(ARCH) ARTIFACTS_DIR="$(CURDIR)/dist/package"
	find dist/package -exec touch -t 198001020000 {} +
	cd dist/package && python3 -m zipfile -c ../notify-$(ARCH).zip bootstrap
	rm -rf dist/package

# One virtual environment a tool: their pins clash.
.venv/%/installed: requirements/%.txt
	@command -v python3 >/dev/null || { echo "this target needs python3 3.10 or newer for $*: install it, or use the other targets"; exit 2; }
	rm -rf .venv/$*
	python3 -m venv .venv/$*
	.venv/$*/bin/pip install --quiet --requirement $<
	touch $@

# 800,000 datums are 100,000 targets in the profile phases. Two to three minutes together.
SOAK ?= 800000
SOAK_HOSTS ?= 100000
.PHONY: soak soak-hosts soak-datums ministack
soak: soak-hosts soak-datums ## check 100,000 hosts in one invocation; publish 800,000 datums against every fault

soak-hosts:
	go test -count=1 -v -timeout 20m -tags soak -run '^TestSoakMany' ./functions/check
	SOAK_HOSTS=$(SOAK_HOSTS) $(GOTEST) test -count=1 -v -timeout 20m -tags soak -run '^TestSoakMany' ./function

soak-datums:
	ROLLCALL_SOAK=$(SOAK) go test -count=1 -v -timeout 20m -run '^(TestNothingIsLostAndNothingIsThereTwice|TestPublishingTakesConstantMemory)$$' ./internal/publish

# BENCH takes more flags of the bench: make bench BENCH='-rounds 1 -parts peers'.
# A peer that can't be had is left out, and the table says so.
BENCH ?=
.PHONY: bench bench-small sizes bench-programs
bench: bench-programs ## measure Rollcall beside its peers: bench.json, a table, bench.svg (15 minutes; Linux, 2 cores)
	bin/bench $(BENCH)

bench-small: bench-programs ## the same with 1,000 hosts, once; noise does not fail it
	bin/bench -hosts 1000 -rounds 1 -parts peers,starts -lenient -file bin/bench-small.json $(BENCH)

sizes: bench-programs ## measure Rollcall with the CPU and memory of Lambda's sizes (root, for control groups)
	bin/bench -parts sizes -file bin/sizes.json $(BENCH)

# Interactive: go tool pprof -http=: bin/cpu.pprof
PROFILE ?=
.PHONY: profile
profile: ## write bin/cpu.pprof, a CPU profile of a sweep of 10,000 hosts, and show where the time goes (Linux, 2 cores)
	$(GOTEST) build -o ../bin/profile ./bench/profile
	taskset -c 0 bin/profile $(PROFILE) -- taskset -c 1
	go tool pprof -top -cum -nodecount 60 bin/cpu.pprof

# Lists in parts, as rollcall check --part and rollcall sum have them, beside one invocation. What
# bin/million.json has of other sizes stays. TALLIES=0 leaves out the sum
# of 1,000 tallies of 10,000 targets.
URLS ?= 10000
TALLIES ?= 1000
.PHONY: million
million: build ## check URLS in parts, in turn and four at a time, and add up; URLS=10000,100000,1000000 (40 minutes; Linux, 2 cores)
	$(GOBUILD_TEST) -o ../bin/bench ./bench
	bin/bench -parts million -urls $(URLS) -tallies $(TALLIES) -more -file bin/million.json -growth bin/growth.svg $(BENCH)

bench-programs: build
	-@test -e .venv/bench/installed || $(MAKE) .venv/bench/installed
	GOOS=linux GOARCH=arm64 $(FUNCTION) -o bin/bootstrap-arm64 ./functions/check # as it is deployed by default: its size counts
	$(GOBUILD_TEST) -o ../bin/bench ./bench
	$(GOBUILD_TEST) -o ../bin/peers/pool ./bench/pool
	$(GOBUILD_TEST) -o ../bin/peers/handshake ./bench/handshake
	$(subst go build,$(GOTEST) build,$(FUNCTION)) -o ../bin/peers/plainest ./bench/plainest

ministack: build .venv/ministack/installed ## run the function against MiniStack, ask it for the metrics, and hold our alarms against its
	BOOTSTRAP="$(CURDIR)/bin/bootstrap" MINISTACK="$(CURDIR)/.venv/ministack/bin/ministack" \
	$(GOTEST) test -count=1 -p 1 -v -tags ministack -run '^TestMiniStack' ./cloud ./publish ./alarm

# An S3 of others that checks signatures: a program for a test, and none of our
# modules requires it. Its build takes some minutes, once.
.PHONY: s3
VERSITYGW = .venv/versitygw/versitygw
$(VERSITYGW):
	GOBIN="$(CURDIR)/$(dir $(VERSITYGW))" go install github.com/versity/versitygw/cmd/versitygw@v1.8.0

s3: $(VERSITYGW) ## read lists from versitygw, which checks signatures
	VERSITYGW="$(CURDIR)/$(VERSITYGW)" $(GOTEST) test -count=1 -v -tags ministack -run '^TestVersityGW' ./cloud

# All stop what they started and remove what they wrote, also when interrupted.
.PHONY: sam-local stack stack-operated parts stack-program
stack-program:
	$(GOBUILD_TEST) -o ../bin/stack ./stack

sam-local: stack-program .venv/sam/installed ## run every event by sam local invoke, without internet (root, docker.io, iptables, busybox-static)
	bin/stack local

stack: stack-program .venv/sam/installed .venv/ministack/installed ## deploy stacks to MiniStack, upgrade old ones, break sites, see the messages arrive (10 minutes)
	bin/stack deployed

stack-operated: stack-program .venv/sam/installed .venv/ministack/installed .venv/aws/installed ## deploy, change, release: as operators do, to MiniStack (3 minutes)
	bin/stack operated

parts: stack-program .venv/sam/installed .venv/ministack/installed .venv/aws/installed ## deploy a list of 40,000 URLs in parts to MiniStack, and kill one (10 minutes)
	bin/stack parts

.PHONY: browser
AXE = .venv/axe/node_modules/axe-core/axe.min.js
CHROMIUM ?= chromium
browser: $(AXE) ## open the page in a real Chromium (needs chromium and npm)
	@command -v $(CHROMIUM) >/dev/null || { echo "this target needs Chromium: install it, or name it: make browser CHROMIUM=…"; exit 2; }
	CHROMIUM="$(CHROMIUM)" AXE="$(CURDIR)/$(AXE)" $(GOTEST) test -count=1 -tags browser ./page

# From the npm registry, at the versions and with the checksums of a lock file.
define npm
@command -v npm >/dev/null || { echo "this target needs npm"; exit 2; }
mkdir -p .venv/$(1)
cp $(<D)/package.json $(<D)/package-lock.json .venv/$(1)/
cd .venv/$(1) && npm ci --silent --ignore-scripts
touch $@
endef

$(AXE): requirements/browser/package-lock.json
	$(call npm,axe)

$(ASL_VALIDATOR): requirements/asl/package-lock.json
	$(call npm,asl)

.PHONY: pictures
IMAGES ?= docs/images
pictures: build ## take the README's pictures again (needs chromium and util-linux)
	$(GOTEST) build -o ../bin/pictures ./pictures
	CHROMIUM="$(CHROMIUM)" bin/pictures bin/rollcall "$(IMAGES)"

.PHONY: dashboard
dashboard: ## draw the dashboard as the template has it, into docs/images (needs chromium)
	$(GOTEST) build -o ../bin/dashboard ./dashboard
	CHROMIUM="$(CHROMIUM)" bin/dashboard template.yaml docs/images/dashboard.png

clean: ## remove what the other targets made
	rm -rf bin dist .aws-sam .venv bench.json bench.svg
