#!/bin/bash
# Prometheus, promtool and Alertmanager for the tests of deploy/prometheus, deploy/grafana and the inbox: Debian's packages.
# Nothing runs between tests: each starts its own, in the foreground, with its own data.
# usage: prometheus.sh install | start | stop | status
# `start` installs when needed and prints SALLYPORT_PROMETHEUS=program; promtool and prometheus-alertmanager are in PATH then.
set -euo pipefail

unavailable() { printf '\nprometheus: NOT AVAILABLE HERE: %s\n\n' "$*" >&2; exit 3; }

do_install() {
  if command -v prometheus >/dev/null && command -v promtool >/dev/null && command -v prometheus-alertmanager >/dev/null; then return; fi
  [ "$(id -u)" = 0 ] || unavailable "install the packages prometheus and prometheus-alertmanager"
  # the package's own service must not start
  local policy=/usr/sbin/policy-rc.d made= rc=0
  if ! [ -e "$policy" ]; then printf '#!/bin/sh\nexit 101\n' >"$policy"; chmod +x "$policy"; made=1; fi
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends prometheus prometheus-alertmanager >"${TMPDIR:-/tmp}/sallyport-prometheus-install.log" 2>&1 || rc=$?
  [ -z "$made" ] || rm -f "$policy"
  [ "$rc" = 0 ] || unavailable "apt-get install prometheus prometheus-alertmanager"
}

case ${1:-} in
  install) do_install ;;
  start) do_install; echo "SALLYPORT_PROMETHEUS=$(command -v prometheus)" ;;
  stop) ;;
  status) command -v prometheus || { echo "prometheus is not installed"; exit 3; } ;;
  *) sed -n '2,5p' "$0" >&2; exit 2 ;;
esac
