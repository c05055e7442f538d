#!/bin/sh
# Installs the peers that `make bench` compares with and that are not there yet. What cannot be installed is said, and
# left out of the tables: this never fails.
PATH=$PATH:/usr/sbin:/sbin
missing=
command -v nginx >/dev/null || missing="$missing nginx"
[ -e /usr/lib/nginx/modules/ngx_nchan_module.so ] || missing="$missing libnginx-mod-nchan"
command -v node >/dev/null || missing="$missing nodejs"
[ -n "$missing" ] || exit 0

as_root() {
	if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}
echo "tests/bench/setup.sh: installing$missing" >&2
# shellcheck disable=SC2086 # a list of package names
as_root apt-get update -q >&2 &&
	as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $missing >&2 ||
	echo "tests/bench/setup.sh: could not install$missing; those peers are left out" >&2
exit 0
