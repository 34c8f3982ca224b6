"""The commands of `ledger`: one file per group, each translating arguments into one question and its answer."""
