#!/bin/bash
# Prometheus and promtool for the tests of deploy/prometheus and deploy/grafana: Debian's package. Nothing runs between
# tests: each starts its own, in the foreground, with its own data.
# usage: prometheus.sh install | start | stop | status
# `start` installs when needed and prints SALLYPORT_PROMETHEUS=program; promtool is in PATH then.
set -euo pipefail

unavailable() { printf '\nprometheus: NOT AVAILABLE HERE: %s\n\n' "$*" >&2; exit 3; }

do_install() {
  if command -v prometheus >/dev/null && command -v promtool >/dev/null; then return; fi
  [ "$(id -u)" = 0 ] || unavailable "install the package prometheus"
  # the package's own service must not start
  local policy=/usr/sbin/policy-rc.d made= rc=0
  if ! [ -e "$policy" ]; then printf '#!/bin/sh\nexit 101\n' >"$policy"; chmod +x "$policy"; made=1; fi
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends prometheus >"${TMPDIR:-/tmp}/sallyport-prometheus-install.log" 2>&1 || rc=$?
  [ -z "$made" ] || rm -f "$policy"
  [ "$rc" = 0 ] || unavailable "apt-get install prometheus"
}

case ${1:-} in
  install) do_install ;;
  start) do_install; echo "SALLYPORT_PROMETHEUS=$(command -v prometheus)" ;;
  stop) ;;
  status) command -v prometheus || { echo "prometheus is not installed"; exit 3; } ;;
  *) sed -n '2,5p' "$0" >&2; exit 2 ;;
esac
