# Shared by the scripts of this folder; sourced, never run.
# shellcheck shell=bash

set -u -o pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
jobs=${SAKE_JOBS:-$(nproc)}

build_packages=(g++ meson ninja-build pkg-config libuv1-dev libhiredis-dev rapidjson-dev libssl-dev)
tool_packages=(libcli11-dev zlib1g-dev libzstd-dev)
server_packages=(redis-server redis-tools)
test_packages=(python3 git doctest-dev nlohmann-json3-dev openssl doxygen)

# say TEXT...: a line of progress.
say() { printf '== %s\n' "$*"; }

# complain TEXT...: a line for someone who has to do something about it.
complain() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }

# as_root COMMAND...
as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    complain "not root and no sudo, so this cannot be done: $*"
    return 1
  fi
}

# missing_packages NAME...: those that are not installed, one a line.
missing_packages() {
  local name
  for name in "$@"; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null)" = installed ] || printf '%s\n' "$name"
  done
}

# install_packages NAME...: what is missing of them. Elsewhere than on Debian it trusts that they are there.
install_packages() {
  local missing
  if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
    complain "no apt-get here; going on as if these Debian packages were installed: $*"
    return 0
  fi
  mapfile -t missing < <(missing_packages "$@")
  [ "${#missing[@]}" -gt 0 ] || return 0
  say "Installing ${missing[*]}"
  as_root bash -s -- "${missing[@]}" <<'INSTALL'
    # Debian starts a service as it is installed. Nothing here wants one, and its port may be somebody else's.
    policy=/usr/sbin/policy-rc.d
    if [ ! -e "$policy" ]; then
      printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod 755 "$policy"
      trap 'rm -f "$policy"' EXIT
    fi
    export DEBIAN_FRONTEND=noninteractive
    apt-get -qq -o Acquire::Retries=3 update </dev/null
    apt-get -qq -o Acquire::Retries=3 -o Dpkg::Use-Pty=0 install --no-install-recommends --yes "$@" </dev/null
INSTALL
}

# compiler NAME: the command for Meson, through ccache where that is installed.
compiler() {
  if command -v ccache >/dev/null; then printf 'ccache %s\n' "$1"; else printf '%s\n' "$1"; fi
}

# configure FOLDER OPTION...: makes a build folder, anew if it was made with other options or another compiler. A folder
# that somebody else has configured is used as it is.
configure() {
  local folder=$1 wanted
  shift
  wanted="${CXX:-} $*"
  if [ -e "$folder/build.ninja" ]; then
    if [ ! -e "$folder/made-with" ]; then
      say "$folder is used with the options it has"
      return 0
    fi
    [ "$(<"$folder/made-with")" != "$wanted" ] || return 0
    rm -rf "$folder"
  fi
  meson setup "$folder" "$root" "$@" </dev/null && printf '%s\n' "$wanted" >"$folder/made-with"
}

# compile FOLDER [TARGET...]
compile() { ninja -C "$1" -j "$jobs" "${@:2}"; }
