"""Bank files: what banks and schools send as files, read exactly or refused by name, line and column."""
