#!/bin/sh
# dist.sh NAME.tar.gz: what git tracks (without git: what is there), below NAME/; the same bytes each time. All files are of
# the last commit's time, or of SOURCE_DATE_EPOCH.
set -eu
cd "$(dirname "$0")/.."
out=$1 name=$(basename "$1" .tar.gz)

if git rev-parse --git-dir >/dev/null 2>&1 && [ "$(git rev-parse --show-prefix)" = '' ]; then
	epoch=$(git log -1 --format=%ct)
	files() { git ls-files -z; }
else
	epoch=$(stat -c %Y version.h)
	files() { find . -type f ! -path './build/*' ! -path '*/node_modules/*' ! -path ./pushsse -printf '%P\0'; }
fi
files | LC_ALL=C sort -z >"$out.files"
tar --create --file="$out.tar" --no-recursion --format=ustar --transform="s,^,$name/," --owner=0 --group=0 --numeric-owner \
	--mode=u+rw,go+r,go-w --mtime="@${SOURCE_DATE_EPOCH:-$epoch}" --null --files-from="$out.files"
gzip -9nc "$out.tar" >"$out.part"
mv "$out.part" "$out"
rm "$out.files" "$out.tar"
