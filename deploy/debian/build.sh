#!/bin/sh
# build.sh TARBALL VERSION: a Debian package of the tarball, beside it. DEB_BUILD_OPTIONS=nocheck leaves out the unit tests.
set -eu
dir=$(dirname "$1")/deb version=$2
rm -rf "$dir"
mkdir -p "$dir"
tar -xzf "$1" -C "$dir"
cd "$dir/pushsse-$version"
cp -R deploy/debian debian
rm debian/build.sh
date=$(date -u -R -d "@${SOURCE_DATE_EPOCH:-$(stat -c %Y version.h)}")
cat >debian/changelog <<END
pushsse ($version) unstable; urgency=medium

  * Version $version: see /usr/share/doc/pushsse/changelog.gz.

 -- The pushsse authors <maintainers@users.noreply.r-seed-0ea0b0b3.example>  $date
END
dpkg-buildpackage --build=binary --no-sign
mv ../pushsse_*.deb ../..
