# Every target installs what is missing first: Node 24 and an embedded PostgreSQL come with npm.
# The pinned Node first on the path, for what is run; not for the installation, which replaces it.
WITH := PATH="$(CURDIR)/node_modules/.bin:$$PATH"

.DEFAULT_GOAL := help
.PHONY: help install run demo test ci check bench bench-smoke torture torture-plants torture-day torture-config fuzz pack schema format screenshots heap first-load chart check-types check-lint check-tidy

help: ## List these targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

install: ## Install the packages of package-lock.json, and the pinned Node
	@node scripts/ensure.mjs

run: install ## Run the service on http://127.0.0.1:8080 with an embedded Postgres; Ctrl-C ends it
	@export $(WITH) MILLRACE_ALLOW_PRIVATE_TARGETS=$${MILLRACE_ALLOW_PRIVATE_TARGETS:-true}; exec node src/main.js start

demo: install ## Show a tour of believable retail data; ends by itself
	@export $(WITH); exec node scripts/demo/run.ts

test: install ## Run every test, on a real Postgres; ends with "N passed, N failed"
	@export $(WITH); exec node scripts/test.ts

ci: install ## Run two minutes of torture, then `make test`; ends with "N passed, N failed"
	@export $(WITH); exec node scripts/ci.ts

torture: install ## Kill, freeze and crash under load, then count; SECONDS=60 SEED=1
	@export $(WITH); exec env SECONDS='$(or $(SECONDS),60)' SEED='$(or $(SEED),1)' node scripts/torture/run.ts

torture-plants: install ## Check that the torture catches planted bugs; prints a table in 15 minutes
	@export $(WITH); exec node scripts/torture/plants.ts

torture-day: install ## Publish two million events with a midnight every 8 s; memory and tables must stay flat
	@export $(WITH); exec node scripts/torture/day.ts

torture-config: install ## Change the configuration at random with kills, and rebuild it from its log; CHANGES=10000 SEED=1
	@export $(WITH); exec env CHANGES='$(or $(CHANGES),10000)' SEED='$(or $(SEED),1)' node scripts/torture/configure-run.ts

fuzz: install ## Send malformed requests and raw bytes, from a fresh seed; COUNT=10000 SEED=1
	@export $(WITH); exec env COUNT='$(COUNT)' SEED='$(SEED)' node scripts/fuzz/run.ts

check: install ## Check types, lint, the rules of the house and the API documents, in seconds
	@$(MAKE) --no-print-directory -j check-types check-lint check-tidy

check-types:
	@export $(WITH); tsc && tsc -p src/console/public

check-lint:
	@export $(WITH); biome check

check-tidy:
	@export $(WITH); vitest run test/tidy.test.ts test/contract/lint.test.ts

bench: install ## Measure beside ceilings and a rival, in ten minutes, and write docs/benchmarks.md; ONLY=publish ALL=1; BASE=v1 compares with a commit
	@export $(WITH); exec node $(if $(BASE),scripts/compare/run.ts $(BASE) $(ONLY),scripts/bench/run.ts $(ONLY) $(if $(ALL),--all))

bench-smoke: install ## Run the benchmark in seconds, to see that it works; its figures mean nothing
	@export $(WITH); exec node scripts/bench/run.ts --smoke --all

pack: install ## Make the npm package in build/: the command line and the service, with compiled code
	@export $(WITH); exec node scripts/pack/run.ts

schema: install ## Write sql/schema.sql from the migrations and functions
	@export $(WITH); exec node scripts/schema/run.ts

chart: ## Copy into the Helm chart what it has from elsewhere: Helm reads no file outside of it
	@cp ops/alerts.yml sql/roles.sql charts/millrace/files/
	@cp ops/grafana-dashboard.json charts/millrace/files/dashboard.json

screenshots: install ## Write every page of the console to screenshots/, desktop and phone, light and dark; ONLY=overview
	@export $(WITH); exec env ONLY='$(ONLY)' node scripts/console/screenshots.ts

first-load: install ## Measure how soon the console is there, with ten million events; EVENTS=10000000
	@export $(WITH); exec env EVENTS='$(EVENTS)' node scripts/console/first-load.ts

heap: install ## Leave the live pages of the console open, and watch their heap; MINUTES=60 RATE=60
	@export $(WITH); exec env MINUTES='$(MINUTES)' RATE='$(RATE)' node scripts/console/heap.ts

format: install ## Format the code
	@node_modules/.bin/biome check --write
