#!/bin/bash
# Real OpenSearch for tests, without containers: the project's own "integ-test" zip from Maven, run by a normal user.
# usage: opensearch.sh install | start | stop | status | clean | kill-node NODE | start-node NODE
#   OPENSEARCH_VERSION   2.19.4 (the newest 2.19 that has a matching security plugin; 2.19.5 works without it)
#   OPENSEARCH_SECURITY  0 plain HTTP, no users (default) | 1 TLS, basic auth, three users (admin, reader, writer)
#   OPENSEARCH_NODES     1 (default) | 3: n1 cluster manager only, n2 and n3 hold data, for failover tests
#   OPENSEARCH_PORT      first HTTP port, 9200; node k listens on port+k-1, transport on port+100+k-1
#   OPENSEARCH_HEAP      heap of each node, 512m
#   OPENSEARCH_NAME      name of this lab, so that several can run side by side (default: lab, or lab-sec with security)
#   SALLYPORT_LAB_RUN    folder for what runs (default /var/tmp/sallyport-lab-UID); must be reachable for the child user
#   SALLYPORT_LAB_USER   child user when started by root (sallyport-lab, made when absent)
# Downloads stay in ${XDG_CACHE_HOME:-$HOME/.cache}/sallyport-lab. `start` installs when needed, waits until the server is
# healthy, and prints lines KEY=VALUE that a shell or a test can read; the same lines are in $SALLYPORT_LAB_RUN/opensearch-<name>/env
# (mode 600). Exit code 3 of status: it does not run.
set -euo pipefail

VERSION=${OPENSEARCH_VERSION:-2.19.4}
SECURITY=${OPENSEARCH_SECURITY:-0}
NODES=${OPENSEARCH_NODES:-1}
PORT=${OPENSEARCH_PORT:-9200}
HEAP=${OPENSEARCH_HEAP:-512m}
if [ "$SECURITY" = 1 ]; then NAME=${OPENSEARCH_NAME:-lab-sec}; else NAME=${OPENSEARCH_NAME:-lab}; fi
LAB_USER=${SALLYPORT_LAB_USER:-sallyport-lab}
CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/sallyport-lab
RUN=${SALLYPORT_LAB_RUN:-/var/tmp/sallyport-lab-$(id -u)}
DIR=$RUN/opensearch-$NAME
DIST=$DIR/dist
HOST=127.0.0.1
WAIT=${OPENSEARCH_WAIT:-180}
COPY_PLUGIN=org.apache.maven.plugins:maven-dependency-plugin:3.6.1

die() { printf 'opensearch: %s\n' "$*" >&2; exit 1; }
say() { printf 'opensearch: %s\n' "$*" >&2; }
need() { # program package: a small one is installed when we may
  command -v "$1" >/dev/null 2>&1 && return
  [ "$(id -u)" != 0 ] || [ "$1" = mvn ] || DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$2" >/dev/null 2>&1 || true
  command -v "$1" >/dev/null 2>&1 || die "'$1' is missing: install the package $2"
}

# Known downloads. Other versions are used without this check (Maven still verifies its own checksum).
pinned() {
  case $1 in
    opensearch-2.19.4.zip) echo 3902e642715210d1d9d7cbdcc8f5abd6f931d1d7a679cea3750937becf16c406 ;;
    opensearch-2.19.5.zip) echo caccd4ab24c88a9278922ef626cd1d92990427aa3a3063f9278200d86dbf49b3 ;;
    opensearch-security-2.19.4.0.zip) echo 1f673622c462c4171a8c53f9b1ad20e5b839834cb79b0d3b388da180a0e514e8 ;;
  esac
}

node_list() { case $NODES in 1) echo n1 ;; 3) echo n1 n2 n3 ;; *) die "OPENSEARCH_NODES must be 1 or 3" ;; esac; }
node_port() { echo $((PORT + ${1#n} - 1)); }
pid_of() { cat "$DIR/$1.pid" 2>/dev/null || true; }
alive() { # is the node's recorded pid still our JVM?
  local p; p=$(pid_of "$1"); [ -n "$p" ] && tr '\0' '\n' <"/proc/$p/cmdline" 2>/dev/null | grep -qx -- "-Dopensearch.path.conf=$DIR/conf-$1"
}

as_lab() { # run as the child user when we are root; OpenSearch refuses to run as root
  if [ "$(id -u)" = 0 ]; then setpriv --reuid="$LAB_USER" --regid="$LAB_USER" --init-groups env HOME="$DIR" "$@"; else "$@"; fi
}
own() { if [ "$(id -u)" = 0 ]; then chown -R "$LAB_USER:$LAB_USER" "$@"; fi; }

pick_java() { # 2.x needs 11..23 (it sets a security manager), 3.x needs 21 or newer
  local lo=11 hi=23 j v c
  case $VERSION in [3-9].*) lo=21 hi=999 ;; esac
  c="${OPENSEARCH_JAVA_HOME:+$OPENSEARCH_JAVA_HOME/bin/java} ${JAVA_HOME:+$JAVA_HOME/bin/java} $(command -v java || true) $(update-alternatives --list java 2>/dev/null || true)"
  for j in $c; do
    [ -x "$j" ] || continue
    v=$("$j" -version 2>&1 | sed -n 's/.*version "\([0-9]*\).*/\1/p' | head -n 1)
    if [ "${v:-0}" -ge "$lo" ] && [ "${v:-0}" -le "$hi" ]; then dirname "$(dirname "$(readlink -f "$j")")"; return; fi
  done
  die "OpenSearch $VERSION needs a JDK from $lo to $hi; none found in OPENSEARCH_JAVA_HOME, JAVA_HOME, PATH (Debian: openjdk-17-jre-headless)"
}

fetch() { # group:artifact:version file
  local f=$CACHE/$2 want got tmp
  if [ ! -s "$f" ]; then
    need mvn maven
    tmp=$(mktemp -d "$CACHE/get.XXXXXX")
    say "downloading $1 with Maven"
    if ! mvn -B -q "$COPY_PLUGIN:copy" -Dartifact="$1:zip" -DoutputDirectory="$tmp" -Dmdep.useBaseVersion=true >"$tmp/log" 2>&1; then
      grep -m 3 -i error "$tmp/log" >&2 || tail -n 5 "$tmp/log" >&2
      rm -rf "$tmp"; die "Maven could not get $1 (version not served, or no network)"
    fi
    mv "$tmp"/*.zip "$f.part"; rm -rf "$tmp"; mv "$f.part" "$f"
  fi
  want=$(pinned "$2")
  if [ -n "$want" ]; then
    got=$(sha256sum "$f" | cut -d' ' -f1)
    [ "$got" = "$want" ] || { rm -f "$f"; die "$2 has SHA-256 $got, expected $want; removed"; }
  fi
}

do_install() {
  local v
  need unzip unzip; need curl curl; need setpriv util-linux; need sha256sum coreutils
  pick_java >/dev/null
  mkdir -p "$CACHE"
  if [ "$(id -u)" = 0 ] && ! id "$LAB_USER" >/dev/null 2>&1; then
    useradd --system --no-create-home --shell /usr/sbin/nologin --user-group "$LAB_USER"
  fi
  [ ! -e "$RUN" ] || [ -O "$RUN" ] || die "$RUN belongs to somebody else"
  mkdir -p "$RUN"; chmod 711 "$RUN"
  v=$(cat "$DIST/.sallyport" 2>/dev/null || true)
  if [ "$v" = "$VERSION $SECURITY" ]; then return; fi
  [ -z "$v" ] || { for n in n1 n2 n3; do ! alive "$n" || die "lab '$NAME' runs version/security '$v': stop and clean it first"; done; say "replacing '$v'"; rm -rf "$DIR"; }
  fetch "org.opensearch.distribution.integ-test-zip:opensearch:$VERSION" "opensearch-$VERSION.zip"
  [ "$SECURITY" = 0 ] || fetch "org.opensearch.plugin:opensearch-security:$VERSION.0" "opensearch-security-$VERSION.0.zip"
  rm -rf "$DIST" "$DIR/unpack"; mkdir -p "$DIR/unpack"
  unzip -q "$CACHE/opensearch-$VERSION.zip" -d "$DIR/unpack"
  mv "$DIR/unpack/opensearch-$VERSION" "$DIST"; rmdir "$DIR/unpack"
  own "$DIR" # group too: the plugin installer copies owner and group of config/, and fails when it may not
  if [ "$SECURITY" = 1 ]; then
    cp "$CACHE/opensearch-security-$VERSION.0.zip" "$DIR/security.zip"; chmod 644 "$DIR/security.zip"
    as_lab env OPENSEARCH_JAVA_HOME="$(pick_java)" "$DIST/bin/opensearch-plugin" install --batch "file://$DIR/security.zip" >"$DIR/plugin.log" 2>&1 ||
      { tail -n 20 "$DIR/plugin.log" >&2; die "the security plugin does not install"; }
    rm -f "$DIR/security.zip"
    make_certs; make_users
  fi
  echo "$VERSION $SECURITY" >"$DIST/.sallyport"
  say "installed OpenSearch $VERSION (security $SECURITY) in $DIST"
}

make_certs() { # own CA, one node certificate, one admin certificate (for securityadmin.sh); PKCS#8 keys as the plugin wants
  local c=$DIR/certs n
  need openssl openssl
  rm -rf "$c"; mkdir -p "$c"
  openssl req -x509 -newkey rsa:2048 -nodes -days 3650 -subj "/O=Sallyport lab/CN=Sallyport lab CA" -keyout "$c/ca.key" -out "$c/ca.pem" 2>/dev/null
  for n in node admin; do
    openssl req -newkey rsa:2048 -nodes -subj "/O=Sallyport lab/CN=$n" -keyout "$c/$n.key" -out "$c/$n.csr" 2>/dev/null
    printf 'subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth,clientAuth\n' >"$c/$n.ext"
    openssl x509 -req -in "$c/$n.csr" -CA "$c/ca.pem" -CAkey "$c/ca.key" -CAcreateserial -days 3650 -extfile "$c/$n.ext" -out "$c/$n.pem" 2>/dev/null
  done
  rm -f "$c"/*.csr "$c"/*.ext; chmod 600 "$c"/*.key; own "$c"; chmod 755 "$c"
}

make_users() { # replaces the plugin's demo users and roles; passwords are random and only in $DIR/env
  local s=$DIST/config/opensearch-security u p h j
  j=$(pick_java)
  { echo "_meta: {type: internalusers, config_version: 2}"; } >"$s/internal_users.yml"
  : >"$DIR/passwords"; chmod 600 "$DIR/passwords"
  for u in admin reader writer; do
    p=$(openssl rand -hex 12)
    # shellcheck disable=SC2016
    h=$(as_lab env OPENSEARCH_JAVA_HOME="$j" PW="$p" bash "$DIST/plugins/opensearch-security/tools/hash.sh" -env PW 2>/dev/null | grep '^\$2' | tail -n 1)
    [ -n "$h" ] || die "hash.sh made no hash"
    printf 'sp_%s: {hash: "%s", reserved: false}\n' "$u" "$h" >>"$s/internal_users.yml"
    printf 'SALLYPORT_OPENSEARCH_%s_USER=sp_%s\nSALLYPORT_OPENSEARCH_%s_PASSWORD=%s\n' "${u^^}" "$u" "${u^^}" "$p" >>"$DIR/passwords"
  done
  cat >"$s/roles.yml" <<'Y'
_meta: {type: roles, config_version: 2}
sallyport_reader:
  cluster_permissions: ["cluster:monitor/main", "cluster:monitor/health"]
  index_permissions:
    - index_patterns: ["events-*", "logs-*", "wazuh-alerts-*"]
      allowed_actions: ["indices:monitor/stats", "indices:data/read/search", "indices:admin/refresh*"]
sallyport_writer:
  cluster_permissions: ["cluster:monitor/main", "indices:data/write/bulk"]
  index_permissions:
    - index_patterns: ["events-*", "logs-*"]
      allowed_actions: ["indices:data/write/bulk*", "indices:data/write/index", "indices:admin/create", "indices:admin/mapping/put"]
Y
  cat >"$s/roles_mapping.yml" <<'Y'
_meta: {type: rolesmapping, config_version: 2}
all_access: {reserved: false, users: ["sp_admin"]}
sallyport_reader: {reserved: false, users: ["sp_reader"]}
sallyport_writer: {reserved: false, users: ["sp_writer"]}
Y
  own "$s"
}

configure() { # node
  local c=$DIR/conf-$1 p; p=$(node_port "$1")
  rm -rf "$c"; cp -r "$DIST/config" "$c"; mkdir -p "$DIR/data-$1" "$DIR/logs-$1" "$DIR/tmp-$1" "$DIR/snapshots"
  {
    echo "cluster.name: sallyport-$NAME"
    echo "node.name: $1"
    echo "network.host: $HOST"
    echo "http.port: $p"
    echo "transport.port: $((p + 100))"
    echo "path.data: $DIR/data-$1"
    echo "path.logs: $DIR/logs-$1"
    echo "path.repo: $DIR/snapshots"
    echo "cluster.routing.allocation.disk.threshold_enabled: false"
    if [ "$NODES" = 1 ]; then
      echo "discovery.type: single-node"
    else
      case $1 in n1) echo "node.roles: [ cluster_manager ]" ;; *) echo "node.roles: [ data, ingest ]" ;; esac
      echo "discovery.seed_hosts: [ \"$HOST:$((PORT + 100))\" ]"
      echo "cluster.initial_cluster_manager_nodes: [ n1 ]"
    fi
    if [ "$SECURITY" = 1 ]; then
      mkdir -p "$c/certs"; cp "$DIR/certs/ca.pem" "$DIR/certs/node.pem" "$DIR/certs/node.key" "$c/certs/"
      for layer in transport http; do
        echo "plugins.security.ssl.$layer.enabled: true"
        echo "plugins.security.ssl.$layer.pemcert_filepath: certs/node.pem"
        echo "plugins.security.ssl.$layer.pemkey_filepath: certs/node.key"
        echo "plugins.security.ssl.$layer.pemtrustedcas_filepath: certs/ca.pem"
      done | sed '/transport.enabled/d'
      echo "plugins.security.ssl.transport.enforce_hostname_verification: false"
      echo "plugins.security.allow_default_init_securityindex: true"
      echo "plugins.security.authcz.admin_dn: [ \"CN=admin,O=Sallyport lab\" ]"
      echo "plugins.security.nodes_dn: [ \"CN=node,O=Sallyport lab\" ]"
      echo "plugins.security.restapi.roles_enabled: [ all_access ]"
      echo "plugins.security.audit.type: noop"
    fi
  } >"$c/opensearch.yml"
  own "$c" "$DIR/data-$1" "$DIR/logs-$1" "$DIR/tmp-$1" "$DIR/snapshots"
}

req() { # path [node]: GET with the lab's own credentials
  local p; p=$(node_port "${2:-n1}")
  if [ "$SECURITY" = 1 ]; then
    curl -s -m 5 --cacert "$DIR/certs/ca.pem" -u "sp_admin:$(sed -n 's/^SALLYPORT_OPENSEARCH_ADMIN_PASSWORD=//p' "$DIR/passwords")" "https://$HOST:$p$1"
  else
    curl -s -m 5 "http://$HOST:$p$1"
  fi
}

start_node() { # node
  local p; p=$(node_port "$1")
  if alive "$1"; then return; fi
  if (exec 3<>"/dev/tcp/$HOST/$p") 2>/dev/null; then die "port $p is taken by another program: set OPENSEARCH_PORT"; fi
  configure "$1"
  local cmd=(env HOME="$DIR" OPENSEARCH_PATH_CONF="$DIR/conf-$1" OPENSEARCH_JAVA_HOME="$JAVA" OPENSEARCH_TMPDIR="$DIR/tmp-$1"
    OPENSEARCH_JAVA_OPTS="-Xms$HEAP -Xmx$HEAP" "$DIST/bin/opensearch")
  [ "$(id -u)" != 0 ] || cmd=(setpriv --reuid="$LAB_USER" --regid="$LAB_USER" --init-groups "${cmd[@]}")
  # in the foreground mode: bin/opensearch becomes the JVM, so its pid is ours from the first moment
  (cd "$DIR/tmp-$1" && exec setsid "${cmd[@]}" </dev/null >"$DIR/$1.out" 2>&1) &
  echo $! >"$DIR/$1.pid"
}

stop_node() { # node signal
  local p i
  if ! alive "$1"; then rm -f "$DIR/$1.pid"; return; fi
  p=$(pid_of "$1"); kill "-$2" "$p" 2>/dev/null || true
  for ((i = 0; i < 300; i++)); do alive "$1" || break; sleep .1; done
  if alive "$1"; then say "$1 (pid $p) did not stop in 30 s: killing it"; kill -9 "$p" 2>/dev/null || true; fi
  rm -f "$DIR/$1.pid"
}

write_env() {
  (
    umask 077
    {
      echo "SALLYPORT_OPENSEARCH_URL=$1"
      echo "SALLYPORT_OPENSEARCH_VERSION=$VERSION"
      echo "SALLYPORT_OPENSEARCH_SNAPSHOTS=$DIR/snapshots"
      [ "$SECURITY" = 0 ] || { echo "SALLYPORT_OPENSEARCH_CA=$DIR/certs/ca.pem"; cat "$DIR/passwords"; }
    } >"$DIR/env"
  )
  cat "$DIR/env"
}

url() { if [ "$SECURITY" = 1 ]; then echo "https://$HOST:$PORT"; else echo "http://$HOST:$PORT"; fi; }

do_start() {
  local n t=$SECONDS want out
  do_install
  JAVA=$(pick_java)
  for n in $(node_list); do start_node "$n"; done
  want=$(node_list | wc -w)
  while :; do
    out=$(req "/_cluster/health?filter_path=status,number_of_nodes" || true)
    case $out in *'"status":"green"'*'"number_of_nodes":'"$want"'}'*) break ;; *'"status":"yellow"'*'"number_of_nodes":'"$want"'}'*) break ;; esac
    for n in $(node_list); do kill -0 "$(pid_of "$n")" 2>/dev/null || { grep -v -i warning "$DIR/$n.out" | tail -n 15 >&2; die "node $n died while starting; log: $DIR/$n.out"; }; done
    [ $((SECONDS - t)) -lt "$WAIT" ] || die "not healthy after ${WAIT}s; last answer: ${out:-none}; logs: $DIR/logs-n1"
    sleep .3
  done
  say "healthy after $((SECONDS - t)) s"
  write_env "$(url)"
}

do_status() {
  local n rc=0
  for n in $(node_list); do
    if alive "$n"; then
      echo "$n pid $(pid_of "$n") port $(node_port "$n") rss $(awk '/^VmRSS/{print int($2/1024)}' "/proc/$(pid_of "$n")/status") MB"
    else echo "$n down"; rc=3; fi
  done
  if [ $rc = 0 ]; then req "/_cluster/health?filter_path=cluster_name,status,number_of_nodes,active_shards,unassigned_shards" && echo && url; fi
  return $rc
}

case ${1:-} in
  install) do_install ;;
  start) do_start ;;
  stop) for n in n3 n2 n1; do stop_node $n TERM; done; say stopped ;;
  status) do_status ;;
  clean) for n in n3 n2 n1; do stop_node $n TERM; done; rm -rf "$DIR"; say "stopped and removed $DIR" ;;
  kill-node) [ -n "${2:-}" ] || die "which node?"; alive "$2" || die "$2 does not run"; stop_node "$2" KILL; say "$2 killed" ;;
  start-node) [ -n "${2:-}" ] || die "which node?"; JAVA=$(pick_java); start_node "$2"; say "$2 started" ;;
  *) sed -n '2,16p' "$0" >&2; exit 2 ;;
esac
