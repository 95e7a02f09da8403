#!/usr/bin/env bash
# Installs the linters of the house: tools.sh DIR GOLANGCI_VERSION GOFUMPT_VERSION
set -euo pipefail
bin=$1 golangci=$2 gofumpt=$3
mkdir -p "$bin"
if ! "$bin/golangci-lint" version 2>/dev/null | grep -qF "${golangci#v}"; then
	echo "building golangci-lint $golangci, once: it takes some minutes"
	GOBIN=$bin go install "github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$golangci"
fi
if ! "$bin/gofumpt" --version 2>/dev/null | grep -qF "$gofumpt"; then
	GOBIN=$bin go install "mvdan.cc/gofumpt@$gofumpt"
fi
