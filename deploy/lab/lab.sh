#!/bin/bash
# The lab: every real component that can run on a bare Debian machine, for the tests that use it.
# usage: lab.sh up | down | status | env     [part...]: systemd prometheus opensearch opensearch-secure postgres ansible chromium conformance pysigma suricata gvm; all by default
#   SALLYPORT_LAB_RUN  folder for what runs (default /var/tmp/sallyport-lab-UID)
# `up` installs and starts what is missing, and can be repeated; `env` prints what tests read, as KEY=VALUE lines.
# A part that can't be had today is one loud line, and up ends with 0: its tests say that they were skipped, or fail in CI.
# GVM is the exception that CI allows for a day: env then says SALLYPORT_GVM_UNAVAILABLE=1. Another failure ends with 1.
set -euo pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
RUN=${SALLYPORT_LAB_RUN:-/var/tmp/sallyport-lab-$(id -u)}
export SALLYPORT_LAB_RUN=$RUN
VERB=${1:-}
shift || true
PARTS=("$@")
[ ${#PARTS[@]} -gt 0 ] || PARTS=(systemd prometheus opensearch opensearch-secure postgres ansible chromium conformance pysigma suricata gvm)

say() { printf 'lab: %s\n' "$*" >&2; }

up() {
  local part rc worst=0 began
  mkdir -p "$RUN/lab-env"
  chmod 700 "$RUN/lab-env"
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    apt-get update -qq >/dev/null 2>&1 || say "apt-get update did not work: going on with what is known"
  fi
  for part in "${PARTS[@]}"; do
    began=$SECONDS rc=0
    "$HERE/$part.sh" start >"$RUN/lab-env/$part.new" || rc=$?
    case $rc in
      0) mv "$RUN/lab-env/$part.new" "$RUN/lab-env/$part"; say "$part is up ($((SECONDS - began)) s)" ;;
      3)
        rm -f "$RUN/lab-env/$part.new" "$RUN/lab-env/$part"
        [ "$part" != gvm ] || echo "SALLYPORT_GVM_UNAVAILABLE=1" >"$RUN/lab-env/gvm"
        ;;
      *) rm -f "$RUN/lab-env/$part.new" "$RUN/lab-env/$part"; say "$part: start ended with $rc"; worst=1 ;;
    esac
  done
  return $worst
}

down() {
  local part i
  for ((i = ${#PARTS[@]} - 1; i >= 0; i--)); do
    part=${PARTS[$i]}
    "$HERE/$part.sh" stop || say "$part: stop ended with $?"
    rm -f "$RUN/lab-env/$part"
  done
}

case $VERB in
  up) up ;;
  down) down ;;
  status) for part in "${PARTS[@]}"; do "$HERE/$part.sh" status || true; done ;;
  env) for part in "${PARTS[@]}"; do [ ! -e "$RUN/lab-env/$part" ] || cat "$RUN/lab-env/$part"; done ;;
  *) sed -n '2,6p' "$0" >&2; exit 2 ;;
esac
