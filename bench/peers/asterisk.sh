#!/bin/bash
# The moment in which an agent becomes free, at Asterisk's queue and at ours, one
# after the other on the same machine: AGENTS agents on calls, W callers waiting,
# no RTP from anybody. K agents hang up, one every GAP ms on average, and a
# caller takes the place of each that is served. One generator, the kit's
# load/hl.c, makes the calls, is the phones, and measures from the BYE of a phone
# to the next INVITE at its socket, and the CPU time of the process under test.
#
# By hand, as root, on loopback only:
#   PEER=/some/folder $PEERKIT/run.sh install
#   PEER=/some/folder PEERKIT=/the/kit bench/peers/asterisk.sh
# It writes bench/peers/asterisk-DATE.json and prints a row for the README.
set -euo pipefail
: "${PEER:?the folder where the kit has installed Asterisk}" "${PEERKIT:?the folder of the kit}"
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
export PEER AGENTS=${AGENTS:-1000} W=${W:-500} K=${K:-150} GAP=${GAP:-400} WIN=${WIN:-20} RAMP=${RAMP:-30} SETTLE=${SETTLE:-12} QUIET=${QUIET:-40} REPS=1
sip=127.0.20.1 callers=127.0.20.2 phones=127.0.20.3 token=supervisor-of-the-comparison
work=$(mktemp -d)
served=
finish() {
	[ -z "$served" ] || kill "$served" 2>/dev/null || true
	rm -rf "$work"
}
trap finish EXIT
cd "$here/../.."
go build -trimpath -o "$work/crew" ./bench/peers/crew
go build -trimpath -o "$work/report" ./bench/peers/report
cardline=${CARDLINE:-$work/cardline}
[ -n "${CARDLINE:-}" ] || CGO_ENABLED=0 go build -trimpath -o "$cardline" ./cmd/cardline

# configure writes a hotline that does what the kit's dialplan does: answer, and wait.
configure() {
	mkdir -p "$work/config/flows"
	cat > "$work/config/cardline.yaml" <<-END
		sip: {listen: [{network: udp, address: "$sip:5060"}]}
		media: {bind: $sip, port_min: 20000, port_max: 29999, rtp_timeout: 24h, terse: true}
		http: {listen: "$sip:9560", tokens: $work/tokens.yaml}
		trunks: [{name: callers, sources: [$callers/32]}]
		lines: [{name: main, numbers: ["95500"]}]
		queues: [{name: cards, ring: 30s, silent: true}]
	END
	cat > "$work/config/flows/main.yaml" <<-END
		start: straight
		steps:
		  straight: {do: set, values: {topic: other}, next: person}
	END
	cat > "$work/config/flows/person.yaml" <<-END
		start: wait
		steps:
		  wait: {do: queue, queue: cards, results: {answered: over, timeout: over, no_agents: over, closed: over, error: over}}
		  over: {do: hangup}
	END
	{
		echo phones:
		for ((i = 0; i < AGENTS; i++)); do printf -- '- {account: a%04d, password: phone-of-a%04d}\n' $i $i; done
		echo agents:
		for ((i = 0; i < AGENTS; i++)); do printf -- '- {id: a%04d}\n' $i; done
	} > "$work/config/agents.yaml"
	(umask 077 && echo "- {token: $token, role: supervisor}" > "$work/tokens.yaml")
}

# ours runs cardline; K and GAP as its arguments say.
ours() {
	rm -rf "$work/data"
	"$cardline" serve --config "$work/config" --data "$work/data" --log warn 2> "$work/cardline.log" &
	served=$!
	for _ in $(seq 50); do
		curl -fs "http://$sip:9560/readyz" > "$work/ready" && break
		sleep 0.1
	done
	"$work/crew" -server $sip:5060 -local $phones:5070 -api http://$sip:9560 -token $token -agents "$AGENTS" || {
		tail -5 "$work/cardline.log" >&2
		return 1
	}
	chrt -r 20 timeout 590 "$PEER/hl" -s $sip -sport 5060 -c $callers -a $phones -aport 5070 \
		-mode queue -x 95500 -wx 95500 -agents "$AGENTS" -n "$AGENTS" -W "$W" -R "$RAMP" -settle "$SETTLE" -w "$WIN" -K "$1" -gap "$2" \
		-p "$served" -label cardline
	kill "$served"
	sleep 1
	kill "$served" 2>/dev/null || true # the second ends the wait for calls
	wait "$served" || true
	served=
}

version=$(chroot "$PEER/root" /usr/sbin/asterisk -V)
bash "$PEERKIT/run.sh" queue > "$work/asterisk.jsonl"
configure
ours "$K" "$GAP" > "$work/cardline.jsonl"
# At GAP what we use is lost in what an idle process uses, more or less.
ours 1500 20 > "$work/hurried.jsonl"
cat "$work"/*.jsonl >&2
"$work/report" -date "$(date +%F)" -asterisk "$version" -cardline "${REVISION:-$(git describe --always --dirty)}" \
	-setting "$AGENTS agents on calls, $W callers waiting, $K agents freed, one every $GAP ms on average" \
	-out "$here/asterisk-$(date +%F).json" "$work/asterisk.jsonl" "$work/cardline.jsonl" "$work/hurried.jsonl"
