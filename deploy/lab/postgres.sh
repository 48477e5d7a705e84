#!/bin/bash
# PostgreSQL for tests: Debian's server, a cluster of its own, on loopback, in the foreground mode with its pid kept.
# usage: postgres.sh install | start | stop | status | clean
#   POSTGRES_PORT      54329
#   SALLYPORT_LAB_RUN  folder for what runs (default /var/tmp/sallyport-lab-UID); must be reachable for the child user
#   SALLYPORT_LAB_USER child user when started by root (sallyport-lab, made when absent): the server refuses root
# `start` installs when needed and prints lines KEY=VALUE; the same lines are in $SALLYPORT_LAB_RUN/postgres.env (mode 600).
set -euo pipefail

RUN=${SALLYPORT_LAB_RUN:-/var/tmp/sallyport-lab-$(id -u)}
LAB_USER=${SALLYPORT_LAB_USER:-sallyport-lab}
PORT=${POSTGRES_PORT:-54329}
DIR=$RUN/postgres

say() { printf 'postgres: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }
unavailable() { printf '\npostgres: NOT AVAILABLE HERE: %s\n\n' "$*" >&2; exit 3; }
programs() { find /usr/lib/postgresql -mindepth 2 -maxdepth 2 -name bin 2>/dev/null | sort -V | tail -n 1; }

as_lab() {
  if [ "$(id -u)" = 0 ]; then setpriv --reuid="$LAB_USER" --regid="$LAB_USER" --init-groups env HOME="$DIR" "$@"; else "$@"; fi
}

runs() {
  local pid
  pid=$(cat "$DIR/pid" 2>/dev/null) || return 1
  [ -n "$pid" ] && tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | grep -q -- "$DIR/data"
}

do_install() {
  if [ -z "$(programs)" ]; then
    [ "$(id -u)" = 0 ] || unavailable "install the package postgresql"
    mkdir -p /etc/postgresql-common # else the package makes and starts a cluster of its own
    [ -e /etc/postgresql-common/createcluster.conf ] || echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.conf
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends postgresql >"${TMPDIR:-/tmp}/sallyport-postgres-install.log" 2>&1 || unavailable "apt-get install postgresql"
  fi
  if [ "$(id -u)" = 0 ] && ! id "$LAB_USER" >/dev/null 2>&1; then
    useradd --system --no-create-home --shell /usr/sbin/nologin --user-group "$LAB_USER"
  fi
  mkdir -p "$RUN" "$DIR"
  chmod 711 "$RUN"
  [ "$(id -u)" != 0 ] || chown "$LAB_USER:$LAB_USER" "$DIR"
  if [ -e "$DIR/data/PG_VERSION" ]; then return; fi
  (umask 077; od -An -N16 -tx1 /dev/urandom | tr -d ' \n' >"$DIR/password")
  [ "$(id -u)" != 0 ] || chown "$LAB_USER:$LAB_USER" "$DIR/password"
  as_lab "$(programs)/initdb" -D "$DIR/data" -U sallyport --pwfile="$DIR/password" -A scram-sha-256 -E UTF8 --no-sync >"$DIR/initdb.log" 2>&1 || die "initdb: $DIR/initdb.log"
}

do_start() {
  local i
  do_install
  if ! runs; then
    if (exec 3<>"/dev/tcp/127.0.0.1/$PORT") 2>/dev/null; then die "port $PORT is taken by another program: set POSTGRES_PORT"; fi
    local cmd=("$(programs)/postgres" -D "$DIR/data" -c listen_addresses=127.0.0.1 -c "port=$PORT" -c "unix_socket_directories=$DIR" -c fsync=off -c max_connections=200)
    [ "$(id -u)" != 0 ] || cmd=(setpriv --reuid="$LAB_USER" --regid="$LAB_USER" --init-groups "${cmd[@]}")
    (cd "$DIR" && exec setsid "${cmd[@]}" </dev/null >"$DIR/log" 2>&1) &
    echo $! >"$DIR/pid"
  fi
  for ((i = 0; i < 300; i++)); do
    as_lab "$(programs)/pg_isready" -q -h 127.0.0.1 -p "$PORT" && break
    kill -0 "$(cat "$DIR/pid")" 2>/dev/null || die "the server ended: $DIR/log"
    sleep .1
  done
  (
    umask 077
    cat >"$RUN/postgres.env" <<ENV
SALLYPORT_POSTGRES_ADDRESS=127.0.0.1:$PORT
SALLYPORT_POSTGRES_USER=sallyport
SALLYPORT_POSTGRES_PASSWORD=$(cat "$DIR/password")
ENV
  )
  cat "$RUN/postgres.env"
}

do_stop() {
  local pid i
  if runs; then
    pid=$(cat "$DIR/pid")
    kill -INT "$pid" # fast shutdown
    for ((i = 0; i < 300; i++)); do runs || break; sleep .1; done
    if runs; then kill -QUIT "$pid"; fi
  fi
  rm -f "$DIR/pid" "$RUN/postgres.env"
  say stopped
}

case ${1:-} in
  install) do_install ;;
  start) do_start ;;
  stop) do_stop ;;
  status) if runs; then echo "postgres pid $(cat "$DIR/pid") port $PORT"; else echo "postgres down"; exit 3; fi ;;
  clean) do_stop; rm -rf "$DIR" ;;
  *) sed -n '2,7p' "$0" >&2; exit 2 ;;
esac
