#!/bin/bash
# The vendors' own Python clients, which drive our stand-ins in tests: a virtual environment with pinned versions. They
# are test tools in processes of their own (some are GPL): nothing of them is linked or shipped.
# usage: conformance.sh install | start | stop | status | clean
#   SALLYPORT_SHARED   folder with conformance/requirements.txt (default: shared beside the checkout)
#   SALLYPORT_LAB_RUN  folder for what runs (default /var/tmp/sallyport-lab-UID)
# `start` installs when needed and prints SALLYPORT_CONFORMANCE_PYTHON=program.
set -euo pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
RUN=${SALLYPORT_LAB_RUN:-/var/tmp/sallyport-lab-$(id -u)}
SHARED=${SALLYPORT_SHARED:-$HERE/../../../shared}
DIR=$RUN/conformance

unavailable() { printf '\nconformance: NOT AVAILABLE HERE: %s\n\n' "$*" >&2; exit 3; }

apt_has() { # package: install it if we may
  dpkg -s "$1" >/dev/null 2>&1 || { [ "$(id -u)" = 0 ] && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$1" >/dev/null 2>&1; }
}

do_install() {
  local wanted=$SHARED/conformance/requirements.txt
  [ -s "$wanted" ] || unavailable "no $wanted: set SALLYPORT_SHARED"
  if cmp -s "$wanted" "$DIR/requirements.txt"; then return; fi
  apt_has python3-venv || unavailable "install the package python3-venv"
  apt_has libmagic1 || unavailable "install the package libmagic1" # for cortex4py
  rm -rf "$DIR"
  mkdir -p "$DIR"
  /usr/bin/python3 -m venv "$DIR/venv" >"$DIR/log" 2>&1 || unavailable "python3 -m venv: $DIR/log"
  "$DIR/venv/bin/pip" install -q --disable-pip-version-check -r "$wanted" >>"$DIR/log" 2>&1 || unavailable "pip install: $DIR/log"
  cp "$wanted" "$DIR/requirements.txt"
}

case ${1:-} in
  install) do_install ;;
  start) do_install; echo "SALLYPORT_CONFORMANCE_PYTHON=$DIR/venv/bin/python" ;;
  stop) ;;
  status) if [ -e "$DIR/requirements.txt" ]; then echo "$DIR/venv/bin/python"; else echo "the clients are not installed"; exit 3; fi ;;
  clean) rm -rf "$DIR" ;;
  *) sed -n '2,7p' "$0" >&2; exit 2 ;;
esac
