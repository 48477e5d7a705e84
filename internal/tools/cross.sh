#!/usr/bin/env bash
# Builds the programs of both modules for macOS and Windows, and keeps nothing (docs/decisions/0004-cross-build.md).
set -euo pipefail
cd "$(dirname "$0")/../.."
export CGO_ENABLED=0
for target in darwin/arm64 windows/amd64; do
  export GOOS=${target%/*} GOARCH=${target#*/}
  began=$SECONDS
  go build -o /dev/null ./starter
  go build -o /dev/null ./worker
  (cd deploy/allinone && go build -o /dev/null .)
  echo "$target: three programs in $((SECONDS - began)) s"
done
