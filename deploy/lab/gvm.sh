#!/bin/bash
# Real GVM for tests: gvmd, ospd-openvas, openvas, PostgreSQL and Redis from Debian sid in a chroot, with a feed of three
# hand-written checks (gvm-feed) and one victim in a network namespace that has no way out.
# usage: gvm.sh install | start | stop | status | clean     (root)
#   SALLYPORT_LAB_RUN  folder for what runs (default /var/tmp/sallyport-lab-UID)
#   GVM_PORT           port of GMP over TLS on 127.0.0.1 (default 9390)
# `start` installs when needed and prints lines KEY=VALUE; the same lines are in $SALLYPORT_LAB_RUN/gvm.env (mode 600).
# Exit code 3: this GVM can't be had here today (sid moves); one line on stderr says why.
# Facts: gvmd is in sid only; account _gvm comes expired; gvmd's own certificate has no SAN, which is what most
# installations have, so clients pin its fingerprint (SALLYPORT_GVM_SHA256).
set -euo pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
RUN=${SALLYPORT_LAB_RUN:-/var/tmp/sallyport-lab-$(id -u)}
ROOT=$RUN/gvm-root
PORT=${GVM_PORT:-9390}
HOST=127.0.0.1
SCAN_NS=sallyport-scan
VICTIM_NS=sallyport-vic
VICTIM=10.99.0.10
PATCHED=$RUN/gvm-patched
WAIT=${GVM_WAIT:-180}

say() { printf 'gvm: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }
unavailable() { printf '\ngvm: NOT AVAILABLE HERE TODAY: %s\n\n' "$*" >&2; exit 3; }

as_gvm() { HOME=/var/lib/gvm chroot --userspec=_gvm:_gvm --groups=_gvm,redis "$ROOT" "$@"; }
pg_version() { find "$ROOT/usr/lib/postgresql" -mindepth 1 -maxdepth 1 -printf '%f\n' 2>/dev/null | sort -n | tail -n 1; }
sql() { chroot --userspec=postgres:postgres "$ROOT" psql -v ON_ERROR_STOP=1 -Atq "$@"; }

runs() { # name word: does the recorded process still run, and is it ours?
  local pid
  pid=$(cat "$RUN/$1.pid" 2>/dev/null) || return 1
  [ -n "$pid" ] && tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | grep -q -- "$2"
}

end() { # name word: end the recorded process, and wait for it
  local pid i
  if runs "$1" "$2"; then
    pid=$(cat "$RUN/$1.pid")
    kill "$pid" 2>/dev/null || true
    for ((i = 0; i < 150; i++)); do kill -0 "$pid" 2>/dev/null || break; sleep .1; done
    if kill -0 "$pid" 2>/dev/null; then kill -9 "$pid" || true; fi
  fi
  rm -f "$RUN/$1.pid"
}

mount_all() {
  mountpoint -q "$ROOT/proc" || mount -t proc proc "$ROOT/proc"
  mountpoint -q "$ROOT/dev" || mount --bind /dev "$ROOT/dev"
  mountpoint -q "$ROOT/dev/shm" || mount --bind /dev/shm "$ROOT/dev/shm"
  mountpoint -q "$ROOT/run" || mount -t tmpfs tmpfs "$ROOT/run"
}

unmount_all() {
  local m
  for m in run dev/shm dev proc; do
    if mountpoint -q "$ROOT/$m"; then umount -l "$ROOT/$m"; fi
  done
}

redis_pid() { # of the Redis that runs, if one does
  local pid
  pid=$(cat "$ROOT/run/redis-openvas/redis-server.pid" 2>/dev/null) && grep -q redis "/proc/$pid/comm" 2>/dev/null && echo "$pid"
}

start_stores() {
  local v
  v=$(pg_version)
  install -d -m 2775 "$ROOT/run/gvmd" "$ROOT/run/ospd" "$ROOT/run/redis-openvas" "$ROOT/run/postgresql"
  chown --reference="$ROOT/var/lib/gvm" "$ROOT/run/gvmd" "$ROOT/run/ospd"
  chroot "$ROOT" chown redis:redis /run/redis-openvas
  chroot "$ROOT" chown postgres:postgres /run/postgresql
  if ! [ -S "$ROOT/run/postgresql/.s.PGSQL.5432" ]; then
    rm -f "$ROOT/var/lib/postgresql/$v/main/postmaster.pid"
    chroot "$ROOT" pg_ctlcluster "$v" main start -o "-c listen_addresses=''" -o "-c fsync=off"
  fi
  if ! redis_pid >/dev/null; then
    chroot --userspec=redis:redis "$ROOT" redis-server /etc/redis/redis-openvas.conf --syslog-enabled no >/dev/null
  fi
}

stop_stores() {
  local pid v
  if pid=$(redis_pid); then kill "$pid" || true; fi
  v=$(pg_version)
  if [ -S "$ROOT/run/postgresql/.s.PGSQL.5432" ]; then chroot "$ROOT" pg_ctlcluster "$v" main stop -m fast || true; fi
}

fill_root() {
  local mirror log=$RUN/gvm-install.log
  mirror=$(awk '/^URIs/{print $2; exit}' /etc/apt/sources.list.d/debian.sources 2>/dev/null || true)
  command -v debootstrap >/dev/null || DEBIAN_FRONTEND=noninteractive apt-get install -y -qq debootstrap >"$log" 2>&1 || unavailable "debootstrap does not install: $log"
  rm -rf "$ROOT"
  debootstrap --variant=minbase sid "$ROOT" "${mirror:-http://deb.debian.org/debian}" >"$log" 2>&1 || unavailable "debootstrap of sid ended early: $log"
  mount_all
  printf '#!/bin/sh\nexit 101\n' >"$ROOT/usr/sbin/policy-rc.d"
  chmod +x "$ROOT/usr/sbin/policy-rc.d"
  DEBIAN_FRONTEND=noninteractive LC_ALL=C chroot "$ROOT" apt-get install -y -qq --no-install-recommends \
    gvmd openvas-scanner ospd-openvas redis-server gnutls-bin >>"$log" 2>&1 || unavailable "sid's GVM packages do not install: $log"
  chroot "$ROOT" chage -E -1 _gvm # else the scanner's sudo, so its raw sockets, fail
}

fill_data() {
  local password owner
  mkdir -p "$ROOT/var/lib/gvm/data-objects/gvmd"
  cp -r "$HERE"/gvm-feed/data-objects/* "$ROOT/var/lib/gvm/data-objects/gvmd/"
  cp -r "$HERE"/gvm-feed/plugins/* "$ROOT/var/lib/openvas/plugins/"
  chroot "$ROOT" chown -R _gvm:_gvm /var/lib/gvm /var/lib/openvas /var/log/gvm /var/lib/notus
  as_gvm env GVM_CERTIFICATE_HOSTNAME=localhost GVM_CERTIFICATE_SECPARAM=medium gvm-manage-certs -a -f >>"$RUN/gvm-install.log" 2>&1
  start_stores
  printf '%s\n' 'create role _gvm login noinherit createdb;' 'create role dba with superuser noinherit;' 'grant dba to _gvm;' \
    'create database gvmd owner _gvm;' '\c gvmd' 'create extension "uuid-ossp";' 'create extension pgcrypto;' 'create extension "pg-gvm";' | sql
  password=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
  as_gvm gvmd --migrate
  as_gvm gvmd --create-user=sallyport --password="$password" >/dev/null
  owner=$(as_gvm gvmd --get-users --verbose | awk '$1=="sallyport"{print $2}')
  as_gvm gvmd --modify-setting 78eceaec-3385-11ea-b237-28d24461215b --value "$owner" # whose the feed's objects are
  (umask 077; printf '%s' "$password" >"$RUN/gvm-password")
}

do_install() {
  [ "$(id -u)" = 0 ] || unavailable "needs root for a chroot and network namespaces"
  mkdir -p "$RUN"
  chmod 711 "$RUN"
  if [ -e "$ROOT/.sallyport-installed" ]; then return; fi
  unmount_all
  fill_root
  fill_data
  : >"$ROOT/.sallyport-installed"
  say "installed $(chroot "$ROOT" gvmd --version 2>/dev/null | head -n 1)"
}

start_network() {
  if ip netns list | grep -qw "$SCAN_NS" && ip netns list | grep -qw "$VICTIM_NS"; then return; fi
  stop_network
  ip netns add "$SCAN_NS"
  ip netns add "$VICTIM_NS"
  ip link add sp-sc type veth peer name sp-vi
  ip link set sp-sc netns "$SCAN_NS"
  ip link set sp-vi netns "$VICTIM_NS"
  ip -n "$SCAN_NS" addr add 10.99.0.1/24 dev sp-sc
  ip -n "$SCAN_NS" link set sp-sc up
  ip -n "$SCAN_NS" link set lo up
  ip -n "$VICTIM_NS" addr add "$VICTIM/24" dev sp-vi
  ip -n "$VICTIM_NS" link set sp-vi up
  ip -n "$VICTIM_NS" link set lo up
}

stop_network() {
  local ns
  for ns in "$SCAN_NS" "$VICTIM_NS"; do
    if ip netns list | grep -qw "$ns"; then ip netns del "$ns"; fi
  done
}

launch() { # name log command...: in the foreground mode, its pid recorded
  local name=$1 log=$2
  shift 2
  setsid env HOME=/var/lib/gvm "$@" </dev/null >"$log" 2>&1 &
  echo $! >"$RUN/$name.pid"
}

counted() { # has the feed been loaded?
  sql gvmd -c 'select (select count(*) from configs)*(select count(*) from port_lists)*(select count(*) from report_formats)*(select count(*) from nvts)' 2>/dev/null || echo 0
}

do_start() {
  local began identity="--userspec=_gvm:_gvm --groups=_gvm,redis"
  do_install
  began=$SECONDS
  mount_all
  start_stores
  start_network
  mkdir -p "$PATCHED"
  runs gvm-victim victim.py || launch gvm-victim "$RUN/gvm-victim.log" ip netns exec "$VICTIM_NS" python3 "$HERE/victim.py" "$PATCHED"
  # shellcheck disable=SC2086
  runs gvm-ospd ospd-openvas || launch gvm-ospd "$RUN/gvm-ospd.log" ip netns exec "$SCAN_NS" chroot $identity "$ROOT" ospd-openvas --foreground --config /etc/gvm/ospd-openvas.conf
  # shellcheck disable=SC2086
  runs gvm-gvmd gvmd || launch gvm-gvmd "$RUN/gvm-gvmd.log" chroot $identity "$ROOT" gvmd --foreground --listen="$HOST" --port="$PORT" --osp-vt-update=/run/ospd/ospd-openvas.sock --broker-address=
  until (exec 3<>"/dev/tcp/$HOST/$PORT") 2>/dev/null; do
    runs gvm-gvmd gvmd || unavailable "gvmd ended while starting: $RUN/gvm-gvmd.log"
    [ $((SECONDS - began)) -lt "$WAIT" ] || unavailable "GMP did not open in ${WAIT}s: $RUN/gvm-gvmd.log"
    sleep .2
  done
  until [ "$(counted)" -gt 0 ]; do
    [ $((SECONDS - began)) -lt "$WAIT" ] || unavailable "the feed was not loaded in ${WAIT}s: $RUN/gvm-ospd.log"
    sleep .5
  done
  say "ready after $((SECONDS - began)) s"
  write_env
}

write_env() {
  local pin
  pin=$(openssl x509 -noout -fingerprint -sha256 -in "$ROOT/var/lib/gvm/CA/servercert.pem" | sed 's/.*=//; s/://g' | tr 'A-F' 'a-f')
  (
    umask 077
    cat >"$RUN/gvm.env" <<ENV
SALLYPORT_GVM_ADDRESS=$HOST:$PORT
SALLYPORT_GVM_USER=sallyport
SALLYPORT_GVM_PASSWORD=$(cat "$RUN/gvm-password")
SALLYPORT_GVM_SHA256=$pin
SALLYPORT_GVM_VICTIM=$VICTIM
SALLYPORT_GVM_VICTIM_PATCHED=$PATCHED
ENV
  )
  cat "$RUN/gvm.env"
}

do_stop() {
  end gvm-gvmd gvmd
  end gvm-ospd ospd-openvas
  end gvm-victim victim.py
  if mountpoint -q "$ROOT/run"; then
    as_gvm gpgconf --homedir /var/lib/gvm/gvmd/gnupg --kill gpg-agent 2>/dev/null || true # gvmd leaves one behind
    stop_stores
  fi
  stop_network
  unmount_all
  rm -f "$RUN/gvm.env"
  say stopped
}

do_status() {
  local rc=0 part
  for part in gvmd:gvmd ospd:ospd-openvas victim:victim.py; do
    if runs "gvm-${part%%:*}" "${part#*:}"; then echo "${part%%:*} pid $(cat "$RUN/gvm-${part%%:*}.pid")"; else echo "${part%%:*} down"; rc=3; fi
  done
  return $rc
}

case ${1:-} in
  install) do_install ;;
  start) do_start ;;
  stop) do_stop ;;
  status) do_status ;;
  clean)
    do_stop
    ! grep -q " $ROOT/" /proc/mounts || die "something is still mounted below $ROOT"
    rm -rf --one-file-system "$ROOT" "$PATCHED" "$RUN/gvm-password"
    ;;
  *) sed -n '2,9p' "$0" >&2; exit 2 ;;
esac
