#!/bin/sh
# Makes the secrets that docker-compose.yml reads, once: deploy/make-secrets.sh [DIRECTORY]. What is there stays.
# The folder is for its owner alone; the files can be read by all, since the containers' users have other numbers.
set -eu
umask 077
directory=${1:-secrets}
mkdir -p "$directory"

random() { od -An -tx1 -N32 /dev/urandom | tr -d ' \n'; }
make() { [ -s "$directory/$1" ] || { printf %s "$2" >"$directory/$1" && chmod 444 "$directory/$1"; }; }

make postgres-password "$(random)"
make database-url "postgres://certlocker:$(cat "$directory/postgres-password")@postgres:5432/certlocker"
make admin-key "$(random)"
