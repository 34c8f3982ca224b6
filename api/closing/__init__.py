"""The end of an institution as it is run: declared, every contract made due, a short pot distributed."""
