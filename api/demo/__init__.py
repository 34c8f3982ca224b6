"""`ledger demo`: a seeded city and the published cases, told through the public commands."""
