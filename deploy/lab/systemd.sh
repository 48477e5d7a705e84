#!/bin/bash
# systemd-analyze for the test of deploy/systemd: Debian's package systemd. Nothing of it runs.
# usage: systemd.sh install | start | stop | status
# `start` installs when needed and prints SALLYPORT_SYSTEMD_ANALYZE=program.
set -euo pipefail

unavailable() { printf '\nsystemd: NOT AVAILABLE HERE: %s\n\n' "$*" >&2; exit 3; }

do_install() {
  if command -v systemd-analyze >/dev/null; then return; fi
  [ "$(id -u)" = 0 ] || unavailable "install the package systemd"
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends systemd >"${TMPDIR:-/tmp}/sallyport-systemd-install.log" 2>&1 || unavailable "apt-get install systemd"
}

case ${1:-} in
  install) do_install ;;
  start) do_install; echo "SALLYPORT_SYSTEMD_ANALYZE=$(command -v systemd-analyze)" ;;
  stop) ;;
  status) command -v systemd-analyze || { echo "systemd-analyze is not installed"; exit 3; } ;;
  *) sed -n '2,4p' "$0" >&2; exit 2 ;;
esac
