.PHONY: help check locked format lint contracts types deps test demo bench drill
help:  ## Show this help
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "%-12s %s\n", $$1, $$2}'
check: locked format lint contracts types deps test  ## All gates, cheap ones first
locked:  ## The lock fits the declared dependencies
	uv lock --check
format:  ## Formatting is as the formatter says
	uv run ruff format --check .
lint:  ## Lint, every rule with a reason beside each exception
	uv run ruff check .
contracts:  ## api → projections → ledger
	uv run lint-imports
types:  ## Strict types, exhaustive matches
	uv run mypy
deps:  ## Every dependency used, every use declared
	uv run deptry .
test:  ## The whole suite, SQLite and PostgreSQL
	uv run pytest -n auto
demo:  ## The seeded city
	uv run ledger demo
bench:  ## Everything the README claims, measured side by side
	for each in commands flat rebuild queries proofs statements signed closure; do uv run python -m benchmarks.$$each || exit 1; done
drill:  ## The long fault drill, hours; writes docs/reliability.md
	uv run python -m tests.faults.run
