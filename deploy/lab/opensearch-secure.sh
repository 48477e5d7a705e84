#!/bin/bash
# A second OpenSearch, with TLS, users and roles, on 127.0.0.1:9210: for the tests of deploy/opensearch/roles.yml.
# usage: opensearch-secure.sh install | start | stop | status | clean     (variables as for opensearch.sh)
# `start` prints lines SALLYPORT_SECURE_OPENSEARCH_...: URL, CA, ADMIN_USER, ADMIN_PASSWORD.
set -euo pipefail
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
export OPENSEARCH_SECURITY=1 OPENSEARCH_NAME=lab-sec OPENSEARCH_PORT=${OPENSEARCH_SECURE_PORT:-9210} OPENSEARCH_HEAP=384m
case ${1:-} in
  install | stop | status | clean) exec "$HERE/opensearch.sh" "$1" ;;
  start) "$HERE/opensearch.sh" start | sed -n 's/^SALLYPORT_OPENSEARCH_\(URL\|CA\|ADMIN_USER\|ADMIN_PASSWORD\)=/SALLYPORT_SECURE_OPENSEARCH_\1=/p' ;;
  *) sed -n '2,4p' "$0" >&2; exit 2 ;;
esac
