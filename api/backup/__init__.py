"""Backups of a ledger and their restoring: one file each, checked when it is written and when it is read."""
