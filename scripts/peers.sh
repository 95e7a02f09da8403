#!/usr/bin/env bash
# Installs the real peers of the tests from Debian packages, where that may be
# done; elsewhere it says which tests will be left out. In CI leaving out is a
# failure.
set -euo pipefail

# program:package:what is left out without it
peers=(
	"sipp:sip-tester:2,000 calls by SIPp"
	"baresip:baresip-core:whole calls between real phones"
	"linphonec:linphone-cli:hold and SHA-256 with linphone"
	"pulseaudio:pulseaudio:phones in their default settings, which want a sound card"
	"pactl:pulseaudio-utils:the same"
	"prometheus:prometheus:scraping and rules with a real Prometheus"
	"promtool:prometheus:tests of the rules"
	"espeak-ng:espeak-ng:rendering of prompts"
	"sox:sox:rendering of prompts"
)

missing() {
	for p in "${peers[@]}"; do
		command -v "${p%%:*}" >/dev/null || echo "$p"
	done
}

absent=$(missing)
if [ -n "$absent" ] && command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
	packages=$(echo "$absent" | cut -d: -f2 | sort -u)
	echo "installing $(echo $packages)"
	export DEBIAN_FRONTEND=noninteractive
	apt-get update -qq
	apt-get install -y -qq --no-install-recommends $packages >/dev/null
	absent=$(missing)
fi
if [ -n "$absent" ]; then
	echo "not installed, so these tests are left out:"
	echo "$absent" | awk -F: '{ printf "  %-12s (package %s): %s\n", $1, $2, $3 }'
	[ -z "${CI:-}" ]
fi
