#!/bin/sh
# A data folder that recovers a base backup up to a moment: start a server on it, then `ledger restore --recovered`.
# Nothing is overwritten. Options are settings of PostgreSQL, for example 'recovery_target_time=2026-11-24 10:30:00+08'.
set -eu
[ $# -ge 3 ] || { echo "usage: recover.sh BASE LOG DATA [OPTION=VALUE ...]" >&2; exit 2; }
base=$1; archive=$2; data=$3; shift 3
[ ! -e "$data" ] || { echo "$data is there already; nothing is overwritten" >&2; exit 2; }
pg_verifybackup "$base"
cp -R "$base" "$data"
chmod 700 "$data"
{
  echo "restore_command = 'cp $archive/%f %p'"
  echo "recovery_target_action = 'promote'"
  echo "archive_mode = off  # the old archive belongs to the old history: name another folder, then turn it on"
  for option in "$@"; do
    echo "${option%%=*} = '${option#*=}'"
  done
} >> "$data/postgresql.auto.conf"
touch "$data/recovery.signal"
