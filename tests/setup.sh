#!/bin/sh
# Installs what the tests need and is not there yet: Debian packages by apt-get, npm packages into tests/system.
# Quick when everything is there. What is missing and cannot be installed ends it with a line that names it.
set -eu

cd "$(dirname "$0")/system"
PATH=$PATH:/usr/sbin:/sbin
NODE_VERSION=20.20.2 # from npm, when the system's node is older than package.json asks for

fail() {
	echo "tests/setup.sh: $*" >&2
	exit 1
}

has() { command -v "$1" >/dev/null 2>&1; }

# dpkg's word for a package without a command of its own
installed() { [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }

missing=
need_command() { has "$1" || missing="$missing $2"; }
need_package() { installed "$1" || missing="$missing $1"; }

as_root() {
	if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}

# The packages of servers start them, unless this file says no. It is removed at the end.
policy=/usr/sbin/policy-rc.d
without_services() {
	[ ! -e $policy ] || { "$@"; return; }
	as_root sh -c "printf '#!/bin/sh\\nexit 101\\n' >$policy && chmod 755 $policy"
	trap 'as_root rm -f $policy' EXIT
	"$@"
}

install_missing() {
	[ -n "$missing" ] || return 0
	has apt-get || fail "missing, and there is no apt-get to install it:$missing"
	[ "$(id -u)" = 0 ] || { has sudo && sudo -n true 2>/dev/null; } || fail "missing, and only root can install it:$missing"
	echo "tests/setup.sh: installing$missing" >&2
	as_root apt-get update -q >&2 || fail "apt-get update failed; missing:$missing"
	# shellcheck disable=SC2086 # a list of package names
	without_services as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $missing >&2 ||
		fail "apt-get could not install:$missing"
	missing=
}

need_command gcc gcc
need_command clang clang
need_command make make
need_command readelf binutils
need_command clang-tidy clang-tidy
need_command cppcheck cppcheck
need_command gcovr gcovr
need_command curl curl
need_command openssl openssl
need_command php php-cli
need_command nginx nginx
need_command apache2 apache2-bin
need_command caddy caddy
need_command haproxy haproxy
need_command chromium chromium
need_command firefox-esr firefox-esr
need_command Xvfb xvfb
need_command strace strace
need_command promtool prometheus
need_command mandoc mandoc
need_command node nodejs
need_command npm npm
need_command systemd-analyze systemd
need_command setpriv util-linux
need_command perl perl-base
need_command musl-gcc musl-tools
need_command s390x-linux-gnu-gcc gcc-s390x-linux-gnu
need_package libc6-dev-s390x-cross
need_command qemu-s390x qemu-user
need_command dpkg-buildpackage dpkg-dev
need_command dh debhelper
need_command lintian lintian
need_package libc6-dev
need_package libcmocka-dev
need_package libwebkit2gtk-4.1-0 # with its MiniBrowser
need_package php-curl
need_package ca-certificates
install_missing

# The sanitizers' runtime has the compiler's major version in its name, so it comes after the compiler.
clang_version=$(clang --version | sed -n 's/.*clang version \([0-9]*\).*/\1/p')
need_package "libclang-rt-$clang_version-dev"
install_missing

lock=node_modules/.installed-package-lock.json
if ! cmp -s package-lock.json "$lock"; then
	npm ci >&2 || fail "npm ci failed in tests/system (acorn, event-source-polyfill, eventsource, eventsource-parser, playwright-core, typescript)"
	cp package-lock.json "$lock"
fi

# `npm test` looks into node_modules/.bin before PATH. This package holds the very binary, and no install script.
recent='const [a, b] = process.versions.node.split("."); process.exit(a > 20 || (a == 20 && b >= 11) ? 0 : 1)'
if ! node -e "$recent" && ! [ -x node_modules/.bin/node ]; then
	package=node-linux-$(node -p process.arch)@$NODE_VERSION
	npm install --no-save --no-package-lock "$package" >&2 || fail "npm could not install $package"
	cp package-lock.json "$lock"
	node_modules/.bin/node -e "$recent" || fail "$package does not run here"
fi
