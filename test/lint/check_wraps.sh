#!/usr/bin/env bash
# Builds sake with the dependencies of subprojects/*.wrap in place of the system's, and runs its unit tests with them.
#
# Usage: check_wraps.sh FOLDER, an absolute path for everything this makes. Ends with 77 when the sources cannot be had.
#
# Nothing is downloaded from where the wraps point. Debian's source packages carry the same releases: those of hiredis
# and doctest are the very files, which their checksums prove; those of libuv and RapidJSON are near enough to show that
# our meson.build for them works. apt is given folders of its own, so that the machine's package lists stay as they are.

set -u -o pipefail

folder=${1:?the folder to work in}
source_root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
jobs=${SAKE_JOBS:-$(nproc)}

skip() {
  printf 'SKIPPED, the wraps are NOT checked: %s\n' "$*"
  exit 77
}

fail() {
  printf 'The wraps do not work: %s\n' "$*"
  exit 1
}

command -v apt-get >/dev/null || skip 'this needs the source packages of Debian, and there is no apt-get'
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
[ -e "$keyring" ] || skip "there is no $keyring"
# The mirror that this machine installs from.
# shellcheck disable=SC2016 # apt fills these in
mirror=$(apt-get indextargets --format '$(RELEASE) $(COMPONENT) $(REPO_URI)' 'Created-By: Packages' |
  sed -n 's/^bookworm main //p' | head -n 1)
[ -n "$mirror" ] || skip 'this machine installs nothing from Debian 12'

rm -rf "$folder"
mkdir -p "$folder"/{apt/lists/partial,apt/cache/archives/partial,apt/sources,tarballs} || fail "no folder $folder"

cat >"$folder/apt/sources/sake.sources" <<SOURCES
Types: deb-src
URIs: $mirror
Suites: bookworm trixie
Components: main
Signed-By: $keyring
SOURCES
cat >"$folder/apt/apt.conf" <<CONF
Dir::Etc::sourcelist "/dev/null";
Dir::Etc::sourceparts "$folder/apt/sources";
Dir::State::lists "$folder/apt/lists";
Dir::Cache "$folder/apt/cache";
APT::Sandbox::User "";
CONF
export APT_CONFIG=$folder/apt/apt.conf

apt-get -qq -o Acquire::Retries=3 update </dev/null || skip 'no list of Debian source packages (no network?)'

# A file of packaging that the mirror lacks makes apt-get fail although the tarball, which is all we want, has come.
for package in hiredis/trixie doctest/trixie libuv1/trixie rapidjson/bookworm; do
  (cd "$folder/tarballs" && apt-get -qq source --download-only "$package" </dev/null)
done

# fetched PATTERN: the tarball of that name.
fetched() { find "$folder/tarballs" -name "$1" | grep .; }

hiredis=$(fetched 'hiredis_1.2.0.orig.tar.gz') || skip 'no source package of hiredis 1.2.0'
doctest=$(fetched 'doctest_2.4.11.orig.tar.gz') || skip 'no source package of doctest 2.4.11'
libuv=$(fetched 'libuv1_*.orig.tar.*') || skip 'no source package of libuv'
rapidjson=$(fetched 'rapidjson_*.orig.tar.*') || skip 'no source package of RapidJSON'

# The tree under test is a copy, so that neither unpacked releases nor a cache appear in the real one.
tree=$folder/tree
mkdir "$tree" || fail "no folder $tree"
cp -a "$source_root"/{meson.build,meson_options.txt,include,lib,tools,test,subprojects} "$tree" ||
  fail 'the source tree could not be copied'
find "$tree/subprojects" -mindepth 1 -maxdepth 1 -type d ! -name packagefiles -exec rm -rf {} +
mkdir "$tree/subprojects/packagecache"

value_of() { sed -n "s/^$2 = //p" "$tree/subprojects/$1.wrap"; }

# exactly NAME TARBALL: puts a release where Meson looks before it downloads. Meson compares the checksum.
exactly() { cp "$2" "$tree/subprojects/packagecache/$(value_of "$1" source_filename)"; }

# nearly NAME TARBALL: unpacks another version under the name that the wrap expects, with our files on top.
nearly() {
  local target
  target=$tree/subprojects/$(value_of "$1" directory)
  mkdir "$target" && tar -xf "$2" -C "$target" --strip-components=1 &&
    cp -a "$tree/subprojects/packagefiles/$1/." "$target"
}

exactly hiredis "$hiredis"
exactly doctest "$doctest"
nearly libuv "$libuv"
nearly rapidjson "$rapidjson"

for wraps in hiredis,doctest hiredis,doctest,libuv,rapidjson; do
  build=$folder/build-${wraps//,/-}
  printf 'Building with %s from subprojects/\n' "$wraps"
  meson setup "$build" "$tree" --buildtype=debug --wrap-mode=nodownload --force-fallback-for="$wraps" </dev/null ||
    fail "$wraps: meson setup"
  ninja -C "$build" -j "$jobs" || fail "$wraps: the build"
  meson test -C "$build" --no-rebuild --print-errorlogs --num-processes "$jobs" --suite unit </dev/null ||
    fail "$wraps: the unit tests"
done
