# Images of minimal Debians, kept in .build-fresh; sourced after common.sh.
# shellcheck shell=bash source=tools/lib/common.sh disable=SC2154
kept=$root/.build-fresh

# This machine's settings of apt that decide how a mirror is reached.
apt_settings() {
  apt-config dump --no-empty --format '%f "%v";%n' \
    Acquire::http Acquire::https Acquire::Check-Valid-Until Acquire::Check-Date Acquire::Retries
}

# mirror LABEL: where this machine gets Debian from, or its security updates.
mirror() {
  # shellcheck disable=SC2016
  apt-get indextargets --format '$(ORIGIN)|$(LABEL)|$(REPO_URI)' 'Created-By: Packages' |
    awk -F '|' -v label="$1" '$1 == "Debian" && $2 == label && !found++ { print $3 }'
}

# sources SUITE: as /etc/apt/sources.list has them.
sources() {
  local debian security signed='[signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]'
  debian=$(mirror Debian)
  [ -n "$debian" ] || fail "the sources of apt on this machine name no mirror of Debian" 111
  security=$(mirror Debian-Security)
  printf 'deb %s %s %s main\n' "$signed" "$debian" "$1" "$signed" "$debian" "$1-updates"
  [ -z "$security" ] || printf 'deb %s %s %s main\n' "$signed" "$security" "$1-security"
}

# make_image SUITE [NAME PACKAGES]: a minimal Debian with these packages, as NAME.tar; anew each week,
# and if its sources or its packages change.
make_image() {
  local image=$kept/${2:-$1} packages=${3:-} wanted
  wanted=$(sources "$1"; apt_settings; printf '%s\n' "$packages"; date +%G-%V)
  [ "$wanted" != "$(cat "$image.made" 2>/dev/null)" ] || [ ! -e "$image.tar" ] || return 0
  sources "$1" >"$image.list"
  apt_settings >"$image.apt"
  rm -f "$image.made"
  mmdebstrap --variant=minbase --aptopt="$image.apt" --format=tar ${packages:+--include="$packages"} \
    "$1" "$image.tar.new" "$image.list" >"$image.log" 2>&1 ||
    { tail -n 20 "$image.log"; fail "mmdebstrap cannot make Debian $1: see $image.log" 111; }
  mv "$image.tar.new" "$image.tar"
  printf '%s\n' "$wanted" >"$image.made"
}
