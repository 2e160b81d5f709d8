# Every target installs what is missing first: Node 24 and an embedded PostgreSQL come with npm.
# The pinned Node first on the path, for what is run; not for the installation, which replaces it.
WITH := PATH="$(CURDIR)/node_modules/.bin:$$PATH"

.DEFAULT_GOAL := help
.PHONY: help install run demo test ci check bench bench-smoke torture torture-plants torture-day torture-config fuzz schema format

help: ## This list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

install: ## What package-lock.json names, and the pinned Node
	@node scripts/ensure.mjs

run: install ## The service on http://127.0.0.1:8080 with an embedded Postgres; Ctrl-C to end
	@export $(WITH) MILLRACE_ALLOW_PRIVATE_TARGETS=$${MILLRACE_ALLOW_PRIVATE_TARGETS:-true}; exec node src/main.ts start

demo: install ## A tour on believable retail data; ends by itself
	@export $(WITH); exec node scripts/demo/run.ts

test: install ## Everything, on a real Postgres; ends with "N passed, N failed"
	@export $(WITH); exec node scripts/test.ts

ci: install ## Two minutes of torture, then `make test`; ends with "N passed, N failed"
	@export $(WITH); exec node scripts/ci.ts

torture: install ## Kills, freezes and crashes under load, then counts; SECONDS=60 SEED=1
	@export $(WITH); exec env SECONDS='$(or $(SECONDS),60)' SEED='$(or $(SEED),1)' node scripts/torture/run.ts

torture-plants: install ## Does the torture catch bugs that are planted? A table, in a quarter of an hour
	@export $(WITH); exec node scripts/torture/plants.ts

torture-day: install ## Two million events, a midnight every eight seconds: what must stay flat, stays flat
	@export $(WITH); exec node scripts/torture/day.ts

torture-config: install ## Random changes of the configuration with kills, rebuilt from its log; CHANGES=10000 SEED=1
	@export $(WITH); exec env CHANGES='$(or $(CHANGES),10000)' SEED='$(or $(SEED),1)' node scripts/torture/configure-run.ts

fuzz: install ## Requests that nobody should send, and raw sockets, from a fresh seed; COUNT=10000 SEED=1
	@export $(WITH); exec env COUNT='$(COUNT)' SEED='$(SEED)' node scripts/fuzz/run.ts

check: install ## Types, lint, the rules of the house and of the API documents, in seconds
	@export $(WITH); tsc && biome check && vitest run test/tidy.test.ts test/contract/lint.test.ts

bench: install ## What it can do, beside ceilings and rivals of the same run; six to twelve minutes; ONLY=publish
	@export $(WITH); exec node scripts/bench/run.ts $(ONLY)

bench-smoke: install ## The same in seconds, to see that it still works; the figures mean nothing
	@export $(WITH); exec node scripts/bench/run.ts --smoke

schema: install ## Writes sql/schema.sql from the migrations and functions
	@export $(WITH); exec node scripts/schema/run.ts

format: install ## Formats the code
	@node_modules/.bin/biome check --write
