#!/bin/sh
# Installs the peers that `make bench` compares with and that are not there yet: Debian packages, and npm packages below
# build/peers. What cannot be installed is said, and left out of the tables: this never fails.
PATH=$PATH:/usr/sbin:/sbin
peers=${BUILD:-build}/peers
missing=
command -v nginx >/dev/null || missing="$missing nginx"
[ -e /usr/lib/nginx/modules/ngx_nchan_module.so ] || missing="$missing libnginx-mod-nchan"
command -v node >/dev/null || missing="$missing nodejs"
command -v npm >/dev/null || missing="$missing npm"

as_root() {
	if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}

if [ -n "$missing" ]; then
	echo "tests/bench/setup.sh: installing$missing" >&2
	# shellcheck disable=SC2086 # a list of package names
	as_root apt-get update -q >&2 &&
		as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $missing >&2 ||
		echo "tests/bench/setup.sh: could not install$missing; those peers are left out" >&2
fi

# Both in one call: npm takes away what it was not asked for.
[ -e "$peers/node_modules/better-sse/package.json" ] && [ -e "$peers/node_modules/socket.io/package.json" ] ||
	npm install --prefix "$peers" --no-save --no-audit --no-fund --ignore-scripts better-sse@0.16.1 socket.io@4.8.4 >&2 ||
	echo "tests/bench/setup.sh: could not install better-sse and socket.io; those peers are left out" >&2
exit 0
