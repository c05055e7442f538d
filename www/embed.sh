#!/bin/sh
# embed.sh FILE...: prints the C source of the table that asset.h declares, with the bytes of these files.
# POSIX sh, od and sed. Nothing is printed unless every file can be read and has a known type.

LC_ALL=C
export LC_ALL

die() {
	echo "embed.sh: $*" >&2
	exit 1
}

# The Content-Type of a file name. A new kind of file is added here, on purpose: a browser told "nosniff" trusts it.
type_of() {
	case $1 in
	*.html) echo 'text/html; charset=utf-8' ;;
	*.css) echo 'text/css; charset=utf-8' ;;
	*.d.ts) echo 'text/plain; charset=utf-8' ;;
	*.js | *.mjs) echo 'text/javascript; charset=utf-8' ;;
	*.svg) echo 'image/svg+xml' ;;
	*) return 1 ;;
	esac
}

[ $# -gt 0 ] || die 'usage: embed.sh file...'
for file; do
	[ -f "$file" ] && [ -r "$file" ] || die "$file: not a file that can be read"
	type_of "$file" >/dev/null || die "$file: no Content-Type is known for this name"
	case ${file##*/} in
	*[!A-Za-z0-9._-]*) die "$file: only letters, digits, '.', '_' and '-' in a name" ;;
	esac
done

echo '/* Written by www/embed.sh from the files in www/; edit those. */'
echo '#include "asset.h"'

number=0
for file; do
	# C has no empty array, so each ends with a 0 that its len does not count.
	printf '\nstatic const unsigned char bytes_%d[] = {\n' "$number"
	od -An -v -tu1 <"$file" | sed 's/  *//; s/  */,/g; s/$/,/' || exit 1
	printf '0};\n'
	number=$((number + 1))
done

printf '\nconst struct asset assets[] = {\n'
number=0
for file; do
	printf '\t{"%s", "%s", bytes_%d, sizeof(bytes_%d) - 1},\n' "${file##*/}" "$(type_of "$file")" "$number" "$number"
	number=$((number + 1))
done
printf '};\n\nconst size_t assets_count = sizeof(assets) / sizeof(assets[0]);\n'
