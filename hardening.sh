#!/bin/sh
# hardening.sh CC CFLAGS: lines for make, with those of these flags that the compiler takes without a word and links with.
# One that knows none of them builds all the same.
compiler=$1 flags=$2
# -static-pie: addresses are random. relro, now: what the loader has relocated is read-only afterwards.
pie='-fPIE -static-pie'
guards='-fstack-protector-strong -fstack-clash-protection -fcf-protection'
fortify='-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2'
linker='-Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack'

dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
printf '#include <stdio.h>\n#include <string.h>\nint main(int n, char **v) { char b[9]; strcpy(b, v[0] + n); return puts(b); }\n' >"$dir/t.c"

# Does a program build, with these flags, silently?
# shellcheck disable=SC2086 # lists of words
takes() { $compiler $flags -Werror "$@" -o "$dir/t" "$dir/t.c" -lpthread >"$dir/log" 2>&1 && ! [ -s "$dir/log" ]; }

# musl-gcc's linker makes a program with a loader of it.
is_static() { readelf -lW "$dir/t" >"$dir/log" && ! grep -q INTERP "$dir/log"; }

# shellcheck disable=SC2086
if takes $pie $guards $fortify $linker && is_static; then
	echo "CFLAGS += -fPIE $guards $fortify"
	echo "LDFLAGS = -static-pie $linker"
	exit
fi

# One after the other, then.
hardened='' linked=-static
# shellcheck disable=SC2086
if takes $pie && is_static; then hardened=-fPIE linked=-static-pie; fi
for flag in $guards "$fortify"; do
	# shellcheck disable=SC2086
	if takes $hardened $linked $flag; then hardened="$hardened $flag"; fi
done
for flag in $linker; do
	# shellcheck disable=SC2086
	if takes $hardened $linked "$flag"; then linked="$linked $flag"; fi
done
echo "CFLAGS += $hardened"
echo "LDFLAGS = $linked"
