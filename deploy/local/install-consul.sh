#!/bin/sh
# Installs a Consul agent as `consul`, from Debian 11: the last Debian release that packages it (1.8.7).
#
# usage: install-consul.sh [FOLDER]   FOLDER holds the program; /opt/reelsmith/consul by default
#
# The system's own package sources stay as they are: a private apt configuration gets one more source, on the mirror
# that the system uses for Debian anyway. Needs root for the link in /usr/local/bin, otherwise says how to use it.
set -eu

folder=${1:-/opt/reelsmith/consul}
link=/usr/local/bin/consul
suite=bullseye

say() { echo "install-consul: $*"; }
fail() { say "$*" >&2; exit 1; }

if command -v consul >/dev/null 2>&1; then
  say "$(consul version | head -n 1) is installed already at $(command -v consul)"
  exit 0
fi
command -v apt-get >/dev/null 2>&1 || fail "this machine has no apt-get: install Consul by other means"

# The Debian mirror of this machine: the first URI that ends in /debian, of both formats that apt knows.
mirror=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources 2>/dev/null |
  sed -n -e '/^[[:space:]]*#/d' -e 's/^deb[[:space:]]\{1,\}\(\[[^]]*\][[:space:]]*\)\{0,1\}\([^[:space:]]*\).*/\2/p' \
    -e 's/^URIs:[[:space:]]*\([^[:space:]]*\).*/\1/p' | grep -E '/debian/?$' | head -n 1) || true
[ -n "$mirror" ] || fail "no Debian mirror among the apt sources of this machine"
say "mirror: $mirror, suite: $suite"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/lists/partial" "$work/archives/partial" "$work/sources"
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main" >"$work/sources.list"
cat >"$work/apt.conf" <<CONF
Dir::Etc::SourceList "$work/sources.list";
Dir::Etc::SourceParts "$work/sources";
Dir::State::Lists "$work/lists";
Dir::Cache::Archives "$work/archives";
Dir::Cache::pkgcache "";
Dir::Cache::srcpkgcache "";
Acquire::Languages "none";
Acquire::Retries "3";
APT::Sandbox::User "root";
CONF

cd "$work"
say "reading the package list of $suite"
APT_CONFIG="$work/apt.conf" apt-get -q update
say "downloading consul"
APT_CONFIG="$work/apt.conf" apt-get -q download consul
set -- consul_*.deb
[ -f "$1" ] || fail "apt-get downloaded nothing"
say "unpacking $1 into $folder"
mkdir -p "$folder"
dpkg -x "$1" "$folder"
program=$folder/usr/bin/consul
"$program" version | head -n 1

if [ -w "$(dirname "$link")" ]; then
  ln -sf "$program" "$link"
  say "linked $link"
else
  say "no right to write $(dirname "$link"): set REELSMITH_CONSUL=$program"
fi
