#!/bin/sh
# A base backup of the running server into a new folder, with the log that it needs to be consistent.
# Connection from the usual variables (PGHOST, PGUSER, …); the role needs REPLICATION.
set -eu
[ $# -eq 1 ] || { echo "usage: base-backup.sh FOLDER" >&2; exit 2; }
pg_basebackup --pgdata "$1" --format plain --wal-method stream --checkpoint fast --manifest-checksums SHA256
pg_verifybackup "$1"
