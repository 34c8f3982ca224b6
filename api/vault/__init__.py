"""The vault: names, phones and accounts of families, each person under a key of their own, outside the log."""
