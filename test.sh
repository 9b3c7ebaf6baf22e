#!/usr/bin/env bash
# Runs all tests: formatting, vet, staticcheck, unit and conformance tests on both engines, and the
# real clients against the built binary. Installs what is missing (as root, by apt-get).
set -euo pipefail
cd "$(dirname "$0")"

step() { printf '\n== %s\n' "$*"; }

as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }

need() { # need COMMAND PACKAGE...
	local command=$1
	shift
	command -v "$command" >/dev/null && return
	step "install $*"
	as_root apt-get update -qq
	as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "$@" >/dev/null
}

need_postgres() {
	ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || command -v initdb >/dev/null || need initdb-of-postgresql postgresql
	ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || command -v initdb >/dev/null
}

# Only unpacked: installed, they would bring web servers that listen on port 80.
unpacked() { # unpacked FILE FOLDER PACKAGE...
	[ -e "$2/$1" ] && return
	local folder=$2
	shift 2
	step "unpack $*"
	as_root apt-get update -qq
	mkdir -p "$folder"
	(cd "$folder" && apt-get download -qq "$@" && for package in *.deb; do dpkg-deb -x "$package" .; done && rm ./*.deb)
}

need node nodejs npm
need npm npm
need python3 python3
need curl curl
need chromium chromium
need cmake cmake
need autoreconf autoconf automake libtool
need g++ g++ make
[ -e /usr/include/node/node_api.h ] || need headers-of-node libnode-dev
python3 -c 'import ensurepip, venv' 2>/dev/null || need venv-of-python3 python3-venv
need_postgres
need openssl openssl
need php php-cli php-xml
php -r 'exit(extension_loaded("dom") ? 0 : 1);' || need dom-of-php php-xml
unpacked usr/share/simplesamlphp e2e/php simplesamlphp
unpacked usr/sbin/nginx e2e/proxies nginx caddy
e2e/proxies/usr/sbin/nginx -v 2>/dev/null || need libraries-of-nginx libpcre2-8-0 libssl3

step "format and vet"
test -z "$(gofmt -l . | tee /dev/stderr)"
go vet ./...
(cd e2e && go vet ./...)
go run honnef.co/go/tools/cmd/staticcheck@v0.8.2 ./...

# A peer of the tests on this machine only; nothing of it is linked or shipped.
[ -x e2e/minio/minio ] || { step "build MinIO"; GOBIN=$PWD/e2e/minio go install github.com/minio/minio@v0.0.0-20260212201848-7aac2a2c5b7c; }

step "build"
mkdir -p bin
CGO_ENABLED=0 go build -trimpath -ldflags='-s -w' -o bin/cognate ./cmd/cognate

step "tests"
go test -race -timeout 20m ./...

step "generated code"
tools/apigen/run -check

step "real clients"
e2e/run bin/cognate
