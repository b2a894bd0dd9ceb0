# The parts of tools/test, which sources this file. A part prints the output of its tests, and `ok` or
# `not ok` for each check that no test framework runs.
# shellcheck shell=bash source=tools/lib/common.sh disable=SC2154

# In this order: seconds first.
list_parts() {
  cat <<'END'
lint      formatting, shell scripts, compiler warnings, every nginx snippet
unit      the Swift tests: rules, vectors, tokens, store
client    the browser module, without a browser
tools     tools/up, tools/down and tools/test themselves
routes    each program as CGI and on a socket
site      real nginx with the shipped configuration, and TLS
interop   tokens and keys in other people's libraries
routes-postgresql  the routes' tests with the store on a PostgreSQL server; by name only
postgresql         several hosts, fail-over, a pooler, TLS, connections that are cut; as root
readme    the commands of the READMEs, from the READMEs, and what the documents say
browser   the client and the pages in Chromium; the pages and the sites in Firefox and WebKit
package   the Debian package, installed on a Debian 12 and a Debian 13 that boot; as root, by name only
fresh     a newcomer's first minutes on a minimal Debian 12 and a minimal Debian 13; as root
sanitize  the Swift tests with the address and the thread sanitizer
sizes     how large each program is, what it needs at rest and to start
bench     that no measured ratio is far off: worse than half of what it must be
END
}

# What runs without a name: all parts but those that take longest: booting machines, and every route
# on the second engine.
default_parts() { list_parts | cut -d ' ' -f 1 | grep -vxE 'package|routes-postgresql'; }

# check NAME COMMAND…: one line, and the output where it fails.
check() {
  local name=$1 output
  shift
  if output=$("$@" 2>&1); then
    printf 'ok %s\n' "$name"
  else
    printf '%s\n' "$output"
    printf 'not ok %s\n' "$name"
  fi
}

# claim NAME COMMAND…: the same for a command whose output is worth reading.
claim() {
  local name=$1
  shift
  if "$@"; then printf 'ok %s\n' "$name"; else printf 'not ok %s\n' "$name"; fi
}

# count_results LOG: "PASSED FAILED", from the summaries of the frameworks and from `check`.
count_results() {
  awk '
    # Swift Testing: Test run with 12 tests in 3 suites passed | failed … with 2 issues
    /Test run with [0-9]+ tests?/ {
      for (i = 1; i <= NF; i++) if ($i == "with" && $(i + 2) ~ /^tests?$/) swift += $(i + 1)
    }
    /✘ Test .* failed after/ && !/Test run/ { swift_failed++ }
    # pytest: == 3 failed, 10 passed, 1 error in 2.0s ==
    /^(=+ )?[0-9]+ (passed|failed|error|skipped|xfailed|deselected)/ && / in [0-9.]+s/ {
      for (i = 1; i < NF; i++) {
        if ($(i + 1) ~ /^passed/) passed += $i
        if ($(i + 1) ~ /^(failed|errors?)/) failed += $i
      }
    }
    # node --test
    /^(ℹ|#) pass [0-9]+/ { passed += $3 }
    /^(ℹ|#) fail [0-9]+/ { failed += $3 }
    /^ok [^0-9]/ { passed++ }
    /^not ok [^0-9]/ { failed++ }
    END { print passed + swift - swift_failed, failed + swift_failed + 0 }
  ' "$1"
}

# show_failures LOG: what failed and how, for a reader who has only the last lines.
show_failures() {
  local found
  found=$(awk '
    # pytest: everything from the first failure on
    /^=+ (FAILURES|ERRORS) =+$/ { rest = 1 }
    # node --test: the same
    /^✖ failing tests:/ { rest = 1 }
    # The next part, of those that `fresh` runs.
    /^== [a-z-]+$/ { rest = 0 }
    rest || /^not ok [^0-9]/ || /✘/ || /(error|warning): / { print }
    rest && /^[0-9]+ (failed|error).* in [0-9.]+s/ { rest = 0 }
  ' "$1")
  # The last lines of a part that broke off say why.
  { if [ -n "$found" ]; then printf '%s\n' "$found"; else tail -n 20 "$1"; fi; } | cut -c 1-300 | tail -n 150
}

# The Python environment of the tests, with the versions that requirements.txt pins.
prepare_python() {
  install_packages python3 python3-venv
  local venv=$root/.build-venv wanted=$root/tools/lib/requirements.txt
  if ! cmp -s "$wanted" "$venv/requirements.txt"; then
    python3 -m venv --clear "$venv"
    "$venv/bin/pip" install -q --disable-pip-version-check -r "$wanted" ||
      fail "pip cannot install $wanted" 111
    cp "$wanted" "$venv/requirements.txt"
  fi
}

# run_pytest FOLDER [OPTION…]
run_pytest() {
  prepare_python
  local folder=$1
  shift
  "$root/.build-venv/bin/python" -m pytest -q -p no:cacheprovider "$root/Tests/$folder" "$@"
}

part_lint() {
  install_site_packages
  install_packages shellcheck
  local scripts=()
  # All shell scripts, recognized by their first line.
  mapfile -t scripts < <(grep -rlE -m 1 '^#!.*\b(bash|sh)$' tools .ci)
  check 'swift format lint' swift format lint --strict -r Sources Tests Package.swift
  check "shellcheck of ${#scripts[@]} scripts" shellcheck -x "${scripts[@]}" tools/lib/*.sh
  check 'no line of Sources, nginx and tools is unfinished' no_unfinished_lines
  check 'the build has no warnings' swift build --build-tests -Xswiftc -warnings-as-errors
  [ ! -x tools/linkage ] || {
    build_release
    check 'every program links what it may' tools/linkage
  }
  [ ! -x tools/standards ] || check 'the RFCs that the sources cite are in the table of standards' tools/standards
  tools/lib/lint-nginx
  prepare_python
  # T206, T210; location/event-stream.conf says why it does not buffer.
  check 'gixy finds nothing in the example' .build-venv/bin/gixy -l --skips proxy_buffering_off nginx/nginx.conf
}

# The brackets keep this line from finding itself.
no_unfinished_lines() { ! grep -rnwE 'TO[D]O|FIX[M]E|X[X]X' Sources nginx tools; }

part_unit() {
  install_site_packages
  install_packages sqlite3 strace postgresql
  # The same build as lint's.
  swift test -Xswiftc -warnings-as-errors
}

# node-redux needs node-babel7-runtime and does not say so.
part_client() {
  install_packages nodejs node-axios node-react node-react-dom node-redux node-babel7-runtime
  node --test Tests/browser/unit/*.test.js
}

part_tools() {
  install_packages postgresql
  run_pytest tools
}

part_routes() {
  install_site_packages
  install_packages sqlite3 strace
  build_release
  run_pytest routes
}

part_routes-postgresql() {
  install_site_packages
  install_packages sqlite3 strace postgresql
  build_release
  # The races are the rules', which `routes` runs as often as is usual; here they are the engine's.
  TALLYSTICK_STORE=postgresql TALLYSTICK_ROUNDS=${TALLYSTICK_ROUNDS:-50} run_pytest routes
}

part_postgresql() {
  [ "$(id -u)" = 0 ] || fail "the part postgresql makes network namespaces: run it as root" 111
  install_site_packages
  install_packages sqlite3 postgresql pgbouncer faketime iproute2 procps
  build_release
  run_pytest postgresql
}

part_site() {
  install_site_packages
  install_packages php-fpm python3-grpcio git cadaver
  build_release
  run_pytest site
}

part_interop() {
  install_site_packages
  install_packages jose node-axios node-express
  build_release
  prepare_python
  PATH=$root/.build-venv/bin:$PATH claim 'tokens and keys work in other libraries' tools/interop/run
}

part_readme() {
  install_site_packages
  install_packages sqlite3
  build_release
  run_pytest readme
}

part_browser() {
  install_site_packages
  # TALLYSTICK_STORE=postgresql tools/test browser: the same with the store on a server.
  [ "${TALLYSTICK_STORE:-}" != postgresql ] || install_packages postgresql
  install_packages chromium firefox-esr webkit2gtk-driver xvfb fonts-dejavu-core node-axios node-react node-react-dom node-redux node-babel7-runtime
  build_release
  run_pytest browser
}

part_package() {
  install_site_packages
  # systemd-analyze needs no running systemd.
  install_packages debhelper dpkg-dev fail2ban fakeroot lintian man-db systemd mmdebstrap e2fsprogs qemu-system-x86
  build_release
  run_pytest package
}

part_fresh() { tools/lib/fresh bookworm trixie; }

part_sanitize() {
  install_site_packages
  install_packages sqlite3 strace postgresql
  # T236. Leaks are not reported, because Foundation and XCTest keep memory; misuse of memory is.
  ASAN_OPTIONS=detect_leaks=0 test_sanitized address
  TSAN_OPTIONS=allocator_may_return_null=1 test_sanitized thread
}

# test_sanitized SANITIZER
test_sanitized() {
  build_sanitized "$1"
  swift test --skip-build --sanitize="$1" --scratch-path ".build-$1"
}

# build_sanitized SANITIZER: without the programs, which no Swift test runs.
build_sanitized() {
  swift build --product tallystickPackageTests --sanitize="$1" --scratch-path ".build-$1"
}

# Starts the builds of `sanitize`, whose processor time the tests in a browser leave: they mostly wait.
# These come last wherever both want it (nice, and the same for the group of the session). The number of
# its process group is in `builder`; who builds the same meanwhile waits for it.
build_sanitized_beside() {
  install_site_packages
  # shellcheck disable=SC2016
  setsid bash -c '
    { echo 19 >/proc/self/autogroup; } 2>/dev/null || true
    source tools/lib/parts.sh
    renice -n 19 $$ && build_sanitized address && build_sanitized thread
  ' >.build/test/sanitize-build.log 2>&1 </dev/null &
  # shellcheck disable=SC2034
  builder=$!
}

part_sizes() {
  install_site_packages
  install_packages gcc libc6-dev
  build_release
  claim 'sizes, starts and memory hold' tools/sizes
}

part_bench() {
  install_site_packages
  install_packages wrk gcc libc6-dev strace postgresql
  build_release
  claim 'no measured ratio is far off' tools/bench --quick
}
