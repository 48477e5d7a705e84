#!/bin/bash
# pySigma and its SQLite backend, which judge our Sigma rules in tests: a virtual environment with pinned versions. They are
# test tools in a process of their own (LGPL): nothing of them is linked or shipped.
# usage: pysigma.sh install | start | stop | status | clean
#   SALLYPORT_LAB_RUN  folder for what runs (default /var/tmp/sallyport-lab-UID)
# `start` installs when needed and prints SALLYPORT_PYSIGMA_PYTHON=program.
set -euo pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
RUN=${SALLYPORT_LAB_RUN:-/var/tmp/sallyport-lab-$(id -u)}
DIR=$RUN/pysigma
WANTED=$HERE/pysigma/requirements.txt

unavailable() { printf '\npysigma: NOT AVAILABLE HERE: %s\n\n' "$*" >&2; exit 3; }

apt_has() { # package: install it if we may
  dpkg -s "$1" >/dev/null 2>&1 || { [ "$(id -u)" = 0 ] && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$1" >/dev/null 2>&1; }
}

do_install() {
  if cmp -s "$WANTED" "$DIR/requirements.txt"; then return; fi
  apt_has python3-venv || unavailable "install the package python3-venv"
  rm -rf "$DIR"
  mkdir -p "$DIR"
  /usr/bin/python3 -m venv "$DIR/venv" >"$DIR/log" 2>&1 || unavailable "python3 -m venv: $DIR/log"
  "$DIR/venv/bin/pip" install -q --disable-pip-version-check -r "$WANTED" >>"$DIR/log" 2>&1 || unavailable "pip install: $DIR/log"
  cp "$WANTED" "$DIR/requirements.txt"
}

case ${1:-} in
  install) do_install ;;
  start) do_install; echo "SALLYPORT_PYSIGMA_PYTHON=$DIR/venv/bin/python" ;;
  stop) ;;
  status) if [ -e "$DIR/requirements.txt" ]; then echo "$DIR/venv/bin/python"; else echo "pySigma is not installed"; exit 3; fi ;;
  clean) rm -rf "$DIR" ;;
  *) sed -n '2,6p' "$0" >&2; exit 2 ;;
esac
