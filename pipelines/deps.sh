#!/bin/sh
# deps — install what the build and the tests need, and the packages named as arguments. Silent when
# nothing is missing.
set -eu

packages="gcc make libc6-dev libopenblas-pthread-dev libjansson-dev libpcre2-dev libutf8proc-dev zlib1g-dev
    bats mandoc bsdextrautils jq time gnuplot-nox $*"

if ! command -v dpkg-query > /dev/null; then
    echo "deps: not Debian or Ubuntu; install what these packages hold:" $packages >&2
    exit 0
fi
missing=
for p in $packages; do
    dpkg-query -W -f '${db:Status-Status}\n' "$p" 2> /dev/null | grep -qx installed || missing="$missing $p"
done
[ -n "$missing" ] || exit 0

sudo=
[ "$(id -u)" = 0 ] || sudo=sudo
if [ -n "$sudo" ] && ! command -v sudo > /dev/null; then
    echo "deps: run as root: apt-get install$missing" >&2
    exit 1
fi
export DEBIAN_FRONTEND=noninteractive
$sudo apt-get update -qq >&2
$sudo apt-get install -y -qq --no-install-recommends $missing >&2
