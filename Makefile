# Every target installs what is missing first: Node 24 and an embedded PostgreSQL come with npm.
NODE := node_modules/.bin/node
BIN := node_modules/.bin

.DEFAULT_GOAL := help
.PHONY: help install run demo test check format

help: ## This list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

install: ## What package-lock.json names, and the pinned Node
	@node scripts/ensure.mjs

run: install ## The service on http://127.0.0.1:8080 with an embedded Postgres; Ctrl-C to end
	@MILLRACE_ALLOW_PRIVATE_TARGETS=$${MILLRACE_ALLOW_PRIVATE_TARGETS:-true} exec $(NODE) src/main.ts start

demo: install ## A tour on believable retail data; ends by itself
	@exec $(NODE) scripts/demo/run.ts

test: install ## Everything, on a real Postgres; ends with "N passed, N failed"
	@exec $(NODE) scripts/test.ts

check: install ## Types, lint and the rules of the house, in seconds
	@$(BIN)/tsc && $(BIN)/biome check && $(BIN)/vitest run test/tidy.test.ts

format: install ## Formats the code
	@$(BIN)/biome check --write
