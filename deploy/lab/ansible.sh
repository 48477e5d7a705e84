#!/bin/bash
# Two hosts for Ansible: an sshd in a network namespace each, reached over a bridge that has no way out.
# usage: ansible.sh install | start | stop | status | clean     (root)
#   SALLYPORT_LAB_RUN  folder for what runs (default /var/tmp/sallyport-lab-UID)
# `start` installs when needed and prints lines KEY=VALUE; the same lines are in $SALLYPORT_LAB_RUN/ansible.env.
# The hosts share this machine's file system: lab playbooks write below $SALLYPORT_LAB_RUN/ansible/<host> only.
set -euo pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
RUN=${SALLYPORT_LAB_RUN:-/var/tmp/sallyport-lab-$(id -u)}
DIR=$RUN/ansible
BRIDGE=sp-br0
HOSTS=(lab-01 lab-02)

say() { printf 'ansible: %s\n' "$*" >&2; }
unavailable() { printf '\nansible: NOT AVAILABLE HERE: %s\n\n' "$*" >&2; exit 3; }
address() { echo "10.98.0.1${1#lab-0}"; }

runs() { # host: does its recorded sshd still run?
  local pid
  pid=$(cat "$DIR/$1.pid" 2>/dev/null) || return 1
  [ -n "$pid" ] && tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | grep -q -- "$DIR/$1.conf"
}

do_install() {
  local missing=()
  [ "$(id -u)" = 0 ] || unavailable "needs root for network namespaces"
  command -v ansible-playbook >/dev/null || missing+=(ansible-core)
  [ -x /usr/sbin/sshd ] || missing+=(openssh-server)
  command -v ssh >/dev/null || missing+=(openssh-client)
  command -v ip >/dev/null || missing+=(iproute2)
  command -v nft >/dev/null || missing+=(nftables)
  if [ ${#missing[@]} -gt 0 ]; then
    # a package's own service must not start: the lab starts its own, in the foreground
    local policy=/usr/sbin/policy-rc.d made=
    if ! [ -e "$policy" ]; then printf '#!/bin/sh\nexit 101\n' >"$policy"; chmod +x "$policy"; made=1; fi
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >"${TMPDIR:-/tmp}/sallyport-ansible-install.log" 2>&1 || { [ -z "$made" ] || rm -f "$policy"; unavailable "apt-get install ${missing[*]}"; }
    [ -z "$made" ] || rm -f "$policy"
  fi
  mkdir -p "$DIR"
  chmod 711 "$RUN"
  chmod 755 "$DIR"
  [ -f "$DIR/key" ] || ssh-keygen -q -t ed25519 -N '' -C sallyport-lab -f "$DIR/key"
}

start_host() {
  local host=$1 n=${1#lab-0}
  ip netns list | grep -qw "sallyport-$host" || {
    ip netns add "sallyport-$host"
    ip link add "sp-v$n" type veth peer name "sp-e$n"
    ip link set "sp-e$n" netns "sallyport-$host"
    ip link set "sp-v$n" master "$BRIDGE" up
    ip -n "sallyport-$host" link set lo up
    ip -n "sallyport-$host" addr add "$(address "$host")/24" dev "sp-e$n"
    ip -n "sallyport-$host" link set "sp-e$n" up
  }
  mkdir -p "$DIR/$host"
  [ -f "$DIR/$host.key" ] || ssh-keygen -q -t ed25519 -N '' -f "$DIR/$host.key"
  cat >"$DIR/$host.conf" <<CONF
ListenAddress $(address "$host")
HostKey $DIR/$host.key
PidFile none
AuthorizedKeysFile $DIR/key.pub
StrictModes no
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
Subsystem sftp internal-sftp
CONF
  if ! runs "$host"; then
    mkdir -p /run/sshd
    setsid ip netns exec "sallyport-$host" /usr/sbin/sshd -D -e -f "$DIR/$host.conf" </dev/null >"$DIR/$host.log" 2>&1 &
    echo $! >"$DIR/$host.pid"
  fi
}

do_start() {
  local host i
  do_install
  ip link show "$BRIDGE" >/dev/null 2>&1 || {
    ip link add "$BRIDGE" type bridge
    ip addr add 10.98.0.1/24 dev "$BRIDGE"
    ip link set "$BRIDGE" up
  }
  : >"$DIR/known_hosts"
  { echo "[hosts]"; } >"$DIR/inventory.ini"
  for host in "${HOSTS[@]}"; do
    start_host "$host"
    echo "$(address "$host") $(cut -d' ' -f1,2 "$DIR/$host.key.pub")" >>"$DIR/known_hosts"
    echo "$host ansible_host=$(address "$host")" >>"$DIR/inventory.ini"
  done
  cat >>"$DIR/inventory.ini" <<INI
[gone]
lab-gone ansible_host=10.98.0.99
[all:vars]
ansible_user=root
ansible_python_interpreter=/usr/bin/python3
ansible_ssh_common_args='-o UserKnownHostsFile=$DIR/known_hosts -o ConnectTimeout=5'
lab_root=$DIR
INI
  for host in "${HOSTS[@]}"; do
    for ((i = 0; i < 100; i++)); do
      (exec 3<>"/dev/tcp/$(address "$host")/22") 2>/dev/null && break
      runs "$host" || unavailable "sshd of $host ended: $DIR/$host.log"
      sleep .1
    done
  done
  cat >"$RUN/ansible.env" <<ENV
SALLYPORT_ANSIBLE_INVENTORY=$DIR/inventory.ini
SALLYPORT_ANSIBLE_KEY=$DIR/key
SALLYPORT_ANSIBLE_PLAYBOOKS=$HERE/ansible
SALLYPORT_ANSIBLE_ROOT=$DIR
ENV
  cat "$RUN/ansible.env"
}

do_stop() {
  local host pid i
  for host in "${HOSTS[@]}"; do
    if runs "$host"; then
      pid=$(cat "$DIR/$host.pid")
      kill "$pid"
      for ((i = 0; i < 50; i++)); do kill -0 "$pid" 2>/dev/null || break; sleep .1; done
    fi
    rm -f "$DIR/$host.pid"
    if ip netns list | grep -qw "sallyport-$host"; then ip netns del "sallyport-$host"; fi
  done
  if ip link show "$BRIDGE" >/dev/null 2>&1; then ip link del "$BRIDGE"; fi
  rm -f "$RUN/ansible.env"
  say stopped
}

do_status() {
  local host rc=0
  for host in "${HOSTS[@]}"; do
    if runs "$host"; then echo "$host pid $(cat "$DIR/$host.pid") $(address "$host")"; else echo "$host down"; rc=3; fi
  done
  return $rc
}

case ${1:-} in
  install) do_install ;;
  start) do_start ;;
  stop) do_stop ;;
  status) do_status ;;
  clean) do_stop; rm -rf "$DIR" ;;
  *) sed -n '2,6p' "$0" >&2; exit 2 ;;
esac
