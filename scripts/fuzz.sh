#!/usr/bin/env bash
# Runs every fuzz target of the module for the given time, two at once:
# fuzz.sh 60s
set -euo pipefail
time=$1
targets() {
	grep -rlE '^func Fuzz' --include='*_test.go' . | xargs -n1 dirname | sort -u | while read -r dir; do
		grep -hoE '^func Fuzz[A-Za-z0-9]+' "$dir"/*_test.go | sed 's/^func //' | sort -u | sed "s#^#$dir #"
	done
}
one() {
	out=$(go test -run '^$' -fuzz "^$3\$" -fuzztime "$1" -fuzzminimizetime 10x -parallel 1 "$2" 2>&1) || {
		printf '== %s %s: a finding\n%s\n' "$2" "$3" "$out"
		return 1
	}
	printf '== %s %s: %s\n' "$2" "$3" "$(grep -oE 'execs: [0-9]+ \([0-9]+/sec\)' <<<"$out" | tail -1)"
}
export -f one
targets | xargs -P 2 -L 1 bash -c 'one "$0" "$@"' "$time"
