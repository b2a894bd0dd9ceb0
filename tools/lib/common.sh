# What the tools share; sourced, with `tool` set to the tool's name.
# shellcheck shell=bash

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# nginx lives in /usr/sbin, which a normal user may not have in PATH.
PATH=$PATH:/usr/sbin:/sbin

# The programs of the routes; `check` first, because everything guarded waits for it.
# shellcheck disable=SC2034
routes=(check register login refresh logout revoke password me sessions jwks health devices handover enter land)

note() { printf '%s: %s\n' "${tool:?}" "$1"; }

# fail MESSAGE [STATUS]: one line that says what to do, and the end.
fail() {
  printf '%s: %s\n' "${tool:?}" "$1" >&2
  exit "${2:-1}"
}

# The comment at the top of a tool is its help.
show_help() { sed -n '2,/^[^#]/s/^#\( \|$\)//p' "$1"; }

# When a process started, in ticks since boot: with its id, its identity.
started_at() {
  local stat
  stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
  # The name in the second field may contain anything, so count from its end.
  # shellcheck disable=SC2086
  set -- ${stat##*) }
  [ "$1" != Z ] || return 1
  printf '%s\n' "${20}"
}

# record FILE PID: writes down a process, so that it can be ended later and no other one.
record() {
  printf '%s %s\n' "$2" "$(started_at "$2" || echo gone)" >"$1.new"
  mv "$1.new" "$1"
}

# recorded FILE: the id of the process written down there, if it still runs.
recorded() {
  local pid start
  read -r pid start 2>/dev/null <"$1" || return 1
  [ "$(started_at "$pid")" = "$start" ] || return 1
  printf '%s\n' "$pid"
}

# The programs refuse a variable TALLYSTICK_… that is no setting of theirs; these are the tests'.
forget_variables_of_tests() {
  unset TALLYSTICK_BIN TALLYSTICK_CHAOS_ROUNDS TALLYSTICK_CHAOS_SEED TALLYSTICK_HOST_ROUNDS TALLYSTICK_ROUNDS \
    TALLYSTICK_SEED
}

# as_root COMMAND…: as root, or by sudo.
as_root() {
  if [ "$(id -u)" = 0 ]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    return 127
  fi
}

# install_packages PACKAGE…: those that are missing, with Debian's apt-get.
install_packages() {
  local missing=() package hold=
  for package in "$@"; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] ||
      missing+=("$package")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  command -v apt-get >/dev/null ||
    fail "this is no Debian; install what corresponds to: ${missing[*]}" 111
  note "installing ${missing[*]}"
  # Debian would start a newly installed nginx on port 80; we start our own.
  if [ ! -e /usr/sbin/policy-rc.d ]; then
    hold=/usr/sbin/policy-rc.d
    printf '#!/bin/sh\nexit 101\n' | as_root tee "$hold" >/dev/null 2>&1 && as_root chmod 755 "$hold"
  fi
  if ! { as_root env DEBIAN_FRONTEND=noninteractive apt-get update -qq &&
    as_root env DEBIAN_FRONTEND=noninteractive \
      apt-get install -y -qq --no-install-recommends "${missing[@]}"; } >"$root/.build-apt.log" 2>&1
  then
    [ -z "$hold" ] || as_root rm -f "$hold"
    fail "cannot install packages (see $root/.build-apt.log); as root: apt-get install ${missing[*]}" 111
  fi
  [ -z "$hold" ] || as_root rm -f "$hold"
}

# Whether the toolchain cannot run because libraries of Debian are missing.
toolchain_lacks_libraries() {
  local swift libraries
  swift=$(command -v swift) || return 1
  # Not by a pipe into `grep -q`: it would end ldd by a signal, and so fail the pipe.
  libraries=$(ldd "$(dirname "$(realpath "$swift")")"/swift-{build,driver,frontend} 2>/dev/null || true)
  [[ $libraries == *'not found'* ]]
}

# What a build and a running site need.
install_site_packages() {
  local packages=(libfcgi-dev libsqlite3-dev libpq-dev libssl-dev libargon2-dev libdata-password-zxcvbn-perl pkg-config curl)
  command -v nginx >/dev/null || packages+=(nginx-light)
  command -v openssl >/dev/null || packages+=(openssl)
  command -v python3 >/dev/null || packages+=(python3)
  # The toolchain from swift.org needs these for linking, and does not contain them.
  command -v ld >/dev/null || packages+=(binutils)
  [ -e /usr/include/features.h ] || packages+=(libc6-dev)
  compgen -G "/usr/lib/gcc/$(uname -m)-linux-gnu/*/libstdc++.a" >/dev/null || packages+=(g++)
  # And libcurl4, which has another name in Debian 13; curl brings it.
  ! toolchain_lacks_libraries || packages+=(libxml2 libncurses6 libuuid1 libz3-4 git tzdata)
  install_packages "${packages[@]}"
}

# The flags of the release build, in `release_flags`: one file a program, no Swift runtime beside it.
#
# Swift's runtime is written in C++, so the C++ library goes into the program too: loading a shared one
# would be half of the cost of a CGI start. Nobody looks up a symbol of a program, so none is exported.
# shellcheck disable=SC2034
choose_release_flags() {
  local archives archive links=$root/.build/static
  mapfile -t archives < <(compgen -G "/usr/lib/gcc/$(uname -m)-linux-gnu/*/libstdc++.a" | sort -V)
  [ ${#archives[@]} -gt 0 ] || fail "libstdc++.a is missing: install g++" 111
  archive=${archives[-1]}
  mkdir -p "$links"
  # In a folder of its own, which is searched first.
  ln -sfn "$archive" "$links/libstdc++.a"
  release_flags=(-c release --static-swift-stdlib -Xswiftc -cross-module-optimization
    -Xswiftc -use-ld=lld -Xswiftc -Xclang-linker -Xswiftc -static-libgcc
    -Xlinker "-L$links" -Xlinker --no-export-dynamic
    -Xlinker --gc-sections -Xlinker --icf=safe -Xlinker -s
    -Xlinker -z -Xlinker pack-relative-relocs)
}

# The release build that is shipped. `swift build` also gets the words in `build_options`.
build_options=()
build_release() {
  command -v swift >/dev/null ||
    fail "swift is not in PATH: install a toolchain from https://www.swift.org/install/linux" 111
  local log=$root/.build-release.log release_flags
  choose_release_flags
  if ! (cd "$root" && swift build "${release_flags[@]}" "${build_options[@]}" >"$log" 2>&1); then
    tail -n 40 "$log" >&2
    fail "the build failed; the whole output is in $log" 111
  fi
}
