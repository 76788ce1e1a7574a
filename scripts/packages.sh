#!/bin/sh
# Installs the Debian packages of the named sections of packages.txt that are missing.
# usage: scripts/packages.sh SECTION...        sections: build test check train
set -eu
cd "$(dirname "$0")/.."

names=""
for section in "$@"; do
    names="$names $(sed -n "/^\[$section\]/,/^\[/p" packages.txt | sed '/^\[/d;s/#.*//' | tr '\n' ' ')"
done

missing=""
for name in $names; do
    # "command:package" is needed only where the command is not there already.
    case $name in
    *:*) command -v "${name%%:*}" >/dev/null 2>&1 && continue; name=${name#*:} ;;
    esac
    [ "$(dpkg-query -W -f='${db:Status-Abbrev}' "$name" 2>/dev/null | cut -c1-2)" = ii ] || missing="$missing $name"
done
[ -z "$missing" ] && exit 0

if [ "$(id -u)" = 0 ]; then
    as_root=""
elif command -v sudo >/dev/null 2>&1; then
    as_root="sudo"
else
    echo "These Debian packages are missing, and installing them needs root or sudo:" >&2
    echo "   $missing" >&2
    echo "Ask your administrator for: apt-get install$missing" >&2
    exit 1
fi
echo "Installing:$missing"
$as_root apt-get update -qq
# shellcheck disable=SC2086 # the lists are words
$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
