#!/bin/bash
# Headless Chromium for the screenshot test: Debian's package. Nothing runs between tests.
# usage: chromium.sh install | start | stop | status
# `start` installs when needed and prints SALLYPORT_CHROMIUM=program.
set -euo pipefail

unavailable() { printf '\nchromium: NOT AVAILABLE HERE: %s\n\n' "$*" >&2; exit 3; }
program() { command -v chromium || command -v chromium-browser || command -v google-chrome || true; }

do_install() {
  if [ -n "$(program)" ]; then return; fi
  [ "$(id -u)" = 0 ] || unavailable "install the package chromium"
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core >"${TMPDIR:-/tmp}/sallyport-chromium-install.log" 2>&1 || unavailable "apt-get install chromium"
}

case ${1:-} in
  install) do_install ;;
  start) do_install; echo "SALLYPORT_CHROMIUM=$(program)" ;;
  stop) ;;
  status) if [ -n "$(program)" ]; then program; else echo "chromium is not installed"; exit 3; fi ;;
  *) sed -n '2,4p' "$0" >&2; exit 2 ;;
esac
