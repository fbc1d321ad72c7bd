#!/usr/bin/env bash
# Downloads PostgreSQL's own regression suite from Debian's source package into the cache of this account and prints where it is.
# It uses a package list of its own: the system's configuration stays as it is. Needs apt-get, tar and bzip2; no root.
set -euo pipefail

version=$(dpkg-query -W -f '${Version}' postgresql-15)
upstream=${version%%-*}
cache="${XDG_CACHE_HOME:-$HOME/.cache}/weir/postgresql-regression"
target="$cache/$upstream"
if [ -d "$target/sql" ]; then
  echo "$target"
  exit 0
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/lists/partial" "$work/cache/archives/partial" "$cache"
. /etc/os-release
cat >"$work/sources.list" <<EOF
deb-src http://deb.debian.org/debian $VERSION_CODENAME main
deb-src http://deb.debian.org/debian-security $VERSION_CODENAME-security main
EOF
cat >"$work/apt.conf" <<EOF
Dir::State::lists "$work/lists";
Dir::Cache "$work/cache";
Dir::Etc::sourcelist "$work/sources.list";
Dir::Etc::sourceparts "-";
EOF
export APT_CONFIG="$work/apt.conf"
cd "$work"
apt-get update -qq >&2
# The suite of the installed server's own version; the statements of another minor version are as good where the archive has moved on.
for wanted in "$version" $(apt-cache showsrc postgresql-15 | sed -n 's/^Version: //p' | sort -Vru); do
  if apt-get source -qq --download-only --only-source "postgresql-15=$wanted" >&2; then break; fi
  rm -f ./*.tar.* ./*.dsc
done
mkdir unpacked
tar -xjf postgresql-15_*.orig.tar.bz2 -C unpacked --strip-components=4 --wildcards '*/src/test/regress/sql' '*/src/test/regress/data' '*/src/test/regress/parallel_schedule'
rm -rf "$target"
mv unpacked "$target"
echo "$target"
