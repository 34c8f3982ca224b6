"""How the ledger is asked: HTTP and command line."""
