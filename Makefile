# Short names only; what they do is in the tools they call.
.PHONY: up build test crash bench bench-kv clean

NPM = npm ci --no-audit --no-fund --loglevel=error

up: build
	bin/bothy --data data up --import examples/tasks/dist/tasks.zip --publish examples/tasks/dist/site

build: functions/runtime/node_modules examples/tasks/dist
	go build -trimpath -o bin/bothy ./cmd/bothy

functions/runtime/node_modules: functions/runtime/package-lock.json
	cd functions/runtime && $(NPM) && touch node_modules

examples/tasks/dist: examples/tasks/package-lock.json $(wildcard examples/tasks/web/* examples/tasks/function/*) examples/tasks/mobile-hub-project.yml examples/tasks/build.mjs
	cd examples/tasks && $(NPM) && npm run --silent build

test: build
	test/setup
	go test -timeout 20m ./...

crash:
	BOTHY_CRASH_ROUNDS=1000 go test -count=1 -timeout 60m -run TestNodeKilled -v ./test/crash

bench: build
	go test -run '^$$' -bench . ./kv/pgkv ./wire/... ./policy ./users ./tables ./test/bench

bench-kv:
	go test -run '^$$' -bench . -benchtime 1x -timeout 1h ./test/bench/state

clean:
	rm -rf bin examples/tasks/dist
