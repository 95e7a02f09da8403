#!/usr/bin/env bash
# Runs every fuzz target of the module for the given time: fuzz.sh 60s
set -euo pipefail
time=$1
grep -rlE '^func Fuzz' --include='*_test.go' . | xargs -n1 dirname | sort -u | while read -r dir; do
	for target in $(grep -hoE '^func Fuzz[A-Za-z0-9]+' "$dir"/*_test.go | sed 's/^func //' | sort -u); do
		echo "== $dir $target"
		go test -run '^$' -fuzz "^$target\$" -fuzztime "$time" -parallel 2 "$dir" | grep -vE '^(fuzz: elapsed|PASS|=== )' || exit 1
	done
done
