#!/usr/bin/env bash
# Builds the client programs of this folder into a cache outside the checkout (WEIR_CLIENTS_CACHE, default ~/.cache/weir-clients). What is there
# already is kept: each program's folder carries a digest of its sources. What a machine cannot build is left out and named; with names as
# arguments only those are built. Needs: python3 with venv, go, maven + javac, cc + libpq's headers.
set -uo pipefail
cd "$(dirname "$0")"
export LC_ALL=C
cache=${WEIR_CLIENTS_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/weir-clients}
pgjdbc=42.7.14
status=0

python_venv() {
  python3 -m venv "$2/venv" && "$2/venv/bin/pip" install --quiet --disable-pip-version-check -r "$1/requirements.txt"
}
build() {
  case $1 in
    psycopg | asyncpg) python_venv "$1" "$2" ;;
    pgx) (cd pgx && go build -o "$2/duties" .) ;;
    pgjdbc)
      mvn -q -B org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy "-Dartifact=org.postgresql:postgresql:$pgjdbc" "-DoutputDirectory=$2" &&
        javac -cp "$2/postgresql-$pgjdbc.jar" -d "$2" pgjdbc/*.java
      ;;
    libpq) cc -O1 -Wall -o "$2/duties" -I"$(pg_config --includedir 2>/dev/null || echo /usr/include/postgresql)" libpq/duties.c -lpq ;;
  esac
}

for name in ${@:-psycopg asyncpg pgx pgjdbc libpq}; do
  digest=$(cat "$name"/* | sha256sum | cut -c1-16)
  folder=$cache/$name-$digest
  [ -f "$folder/complete" ] && continue
  mkdir -p "$folder"
  if build "$name" "$folder" && touch "$folder/complete"; then echo "built the client $name"; else
    echo "the client $name cannot be built here" >&2
    status=1
  fi
done
exit $status
