#!/usr/bin/env bash
# Prints the functions of both modules that neither module's programs and tests reach, and fails if there are any.
# A function of the root module may be reached by the all-in-one alone (the lab, for one), so it is dead only when both say so.
set -euo pipefail
cd "$(dirname "$0")/../.."
root=$PWD
tool=(go tool "-modfile=$root/internal/tools/go.mod" deadcode)
format='{{range .Funcs}}{{$.Path}}.{{.Name}}{{println}}{{end}}'
main=$(mktemp) allinone=$(mktemp)
trap 'rm -f "$main" "$allinone"' EXIT
"${tool[@]}" -test -f "$format" ./... | sed '/^$/d' | sort -u >"$main"
(cd deploy/allinone && CGO_ENABLED=0 "${tool[@]}" -test -filter '^github.com/sallyport-soar/sallyport' -f "$format" ./...) | sed '/^$/d' | sort -u >"$allinone"
dead=$(comm -12 "$main" "$allinone")
[ -z "$dead" ] || { printf 'dead code:\n%s\n' "$dead" >&2; exit 1; }
