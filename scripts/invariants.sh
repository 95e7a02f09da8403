#!/usr/bin/env bash
# Throws at least so many random commands at the router, each run with another
# seed and in a process of its own, so that memory stays bounded:
# invariants.sh 10000000
set -euo pipefail
want=$1
test=$(mktemp)
trap 'rm -f "$test"' EXIT
go test -c -o "$test" ./acd
cd acd
sum=0
for ((seed = 1; sum < want; seed++)); do
	out=$("$test" -test.run '^TestInvariants$' -test.v -test.timeout 30m -rapid.nofailfile -rapid.seed "$seed" -rapid.checks 6000) || {
		printf '%s\n' "$out"
		exit 1
	}
	commands=$(grep -oE '[0-9]+ commands' <<<"$out" | grep -oE '[0-9]+')
	sum=$((sum + commands))
	printf 'seed %d: %d commands, %d in all\n' "$seed" "$commands" "$sum"
done
