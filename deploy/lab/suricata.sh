#!/bin/bash
# Suricata for the tests of rules: Debian's package, from backports where the release has none. Nothing runs between tests:
# each gives it a capture of its own to read.
# usage: suricata.sh install | start | stop | status
# `start` installs when needed and prints SALLYPORT_SURICATA=program.
set -euo pipefail

unavailable() { printf '\nsuricata: NOT AVAILABLE HERE: %s\n\n' "$*" >&2; exit 3; }

# the sources of apt stay as they are: backports are asked for this once, with lists of their own
backports() {
  local release own
  release=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
  own=$(mktemp -d)
  mkdir "$own/parts" "$own/lists"
  printf 'Types: deb\nURIs: http://deb.debian.org/debian\nSuites: %s %s-backports\nComponents: main\nSigned-By: /usr/share/keyrings/debian-archive-keyring.gpg\n' \
    "$release" "$release" >"$own/parts/backports.sources"
  chmod -R a+rX "$own"
  apt=(apt-get -o Dir::Etc::sourcelist=/dev/null -o Dir::Etc::sourceparts="$own/parts" -o Dir::State::lists="$own/lists")
  "${apt[@]}" update -qq && "${apt[@]}" install -y -qq --no-install-recommends -t "$release-backports" suricata
}

do_install() {
  if command -v suricata >/dev/null; then return; fi
  [ "$(id -u)" = 0 ] || unavailable "install the package suricata"
  # the package's own service must not start
  local policy=/usr/sbin/policy-rc.d made= rc=0
  if ! [ -e "$policy" ]; then printf '#!/bin/sh\nexit 101\n' >"$policy"; chmod +x "$policy"; made=1; fi
  export DEBIAN_FRONTEND=noninteractive
  { apt-get install -y -qq --no-install-recommends suricata || backports; } >"${TMPDIR:-/tmp}/sallyport-suricata-install.log" 2>&1 || rc=$?
  [ -z "$made" ] || rm -f "$policy"
  [ "$rc" = 0 ] || unavailable "apt-get install suricata, also from backports"
}

case ${1:-} in
  install) do_install ;;
  start) do_install; echo "SALLYPORT_SURICATA=$(command -v suricata)" ;;
  stop) ;;
  status) command -v suricata || { echo "suricata is not installed"; exit 3; } ;;
  *) sed -n '2,5p' "$0" >&2; exit 2 ;;
esac
