# Makes and starts the example site in a directory; sourced by tools/up.
# shellcheck shell=bash source=tools/lib/common.sh disable=SC2154

# check_state_path DIR: refuses a path that does not fit a unix socket or nginx's configuration.
check_state_path() {
  local socket=$1/run/register.sock
  [ ${#socket} -le 100 ] ||
    fail "the path $1 is too long for a unix socket: choose a shorter one with --state DIR" 100
  case $1$root in
    *[\"\\\$\;\{\}]* | *$'\n'*)
      fail "nginx cannot be given the path $1 or $root: no quotes, \$, ; or braces" 100 ;;
  esac
}

port_is_taken() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# For a parameter of a URI.
escape_uri() { python3 -c 'import sys, urllib.parse; print(urllib.parse.quote(sys.argv[1], safe="/"))' "$1"; }

# init_store DIR PROGRAMS STORE: the state, keys and store, if they are not there.
init_store() {
  local dir=$1 programs=$2 store=$3 said server status=0
  [ "$store" = postgresql ] || [[ ${TALLYSTICK_STORE:-sqlite} = postgresql* ]] ||
    [ ! -e "$dir/state/tallystick.db" ] || return 0
  if [ "$store" = postgresql ]; then
    # Only for this; the supervisor runs it later.
    coproc SERVER { "$root/tools/lib/postgresql" --durable "$dir/pg" 2>>"$dir/log/init.log"; }
    server=$SERVER_PID
    read -r said <&"${SERVER[0]}" || true
    [ "$said" = ready ] || fail "PostgreSQL does not start: $(tail -n 1 "$dir/log/init.log")" 111
  fi
  "$programs/tallystick" init >>"$dir/log/init.log" 2>&1 ||
    "$programs/tallystick" config check >/dev/null 2>&1 || status=$?
  if [ "$store" = postgresql ]; then
    eval "exec ${SERVER[1]}>&-"
    wait "$server" || true
  fi
  [ "$status" = 0 ] || fail "tallystick init failed: $(tail -n 1 "$dir/log/init.log")" 111
}

# make_site DIR PORT HTTP_PORT PROGRAMS STORE: whatever is not there yet, and nginx's configuration anew.
make_site() {
  local dir=$1 port=$2 http_port=$3 programs=$4
  mkdir -p "$dir"/{run,log,pids,tls,nginx/temp}
  init_store "$dir" "$programs" "$5"
  make_certificate "$dir/tls"
  choose_worker "$dir"
  make_configuration "$dir" "$port" "$http_port"
  nginx -t -q -p "$dir/nginx/" -c "$dir/nginx/nginx.conf" 2>"$dir/log/nginx-t.log" || {
    cat "$dir/log/nginx-t.log" >&2
    fail "nginx refuses the configuration in $dir/nginx" 111
  }
}

# A certificate for the names of the example, kept until a day before it ends.
make_certificate() {
  ! openssl x509 -in "$1/cert.pem" -noout -checkend 86400 >/dev/null 2>&1 || return 0
  (umask 077 && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 365 \
    -subj /CN=localhost -keyout "$1/key.pem" -out "$1/cert.pem" \
    -addext "subjectAltName=DNS:localhost,DNS:second.localhost,DNS:site.localhost,DNS:other.localhost,IP:127.0.0.1" \
    -addext "keyUsage=critical,digitalSignature" -addext "extendedKeyUsage=serverAuth" \
    2>"$1/openssl.log") || fail "openssl cannot make a certificate: see $1/openssl.log" 111
  chmod 644 "$1/cert.pem"
}

# Who nginx's workers are, in `worker`. As root: www-data, if it can read the pages and enter the
# directory, else root (a checkout below /root, say). As a normal user: that user, and no choice.
choose_worker() {
  worker='' worker_group=''
  if [ "$(id -u)" != 0 ]; then
    chmod 750 "$1/run"
    return
  fi
  worker=root
  if id www-data >/dev/null 2>&1 &&
    setpriv --reuid=www-data --regid=www-data --init-groups \
      test -r "$root/nginx/www/index.html" -a -r "$root/nginx/site/private/index.html" -a -x "$1"; then
    worker=www-data worker_group=www-data
  fi
  # Sockets made in there belong to the group: nginx may connect, other accounts may not enter.
  [ -z "$worker_group" ] || chgrp "$worker_group" "$1/run"
  chmod 2750 "$1/run"
}

# Whether this nginx has the directive `http2`, and warns about `listen … http2`.
nginx_has_http2_directive() {
  local version
  version=$(nginx -v 2>&1 | sed -n 's#.*nginx/\([0-9.]*\).*#\1#p')
  printf '1.25.1\n%s\n' "$version" | sort -V -C
}

# The shipped configuration with paths, ports and the workers' account replaced, the file for this
# version's HTTP/2, and nothing else.
make_configuration() {
  local dir=$1 port=$2 http_port=$3 file ipv6='s/\[::\]:/[::1]:/' https=https-1.22.conf
  grep -q '^0\{31\}1 ' /proc/net/if_inet6 2>/dev/null || ipv6='/listen \[::\]:/d'
  ! nginx_has_http2_directive || https=https.conf
  rm -rf "$dir/nginx/tallystick" "$dir/nginx/sites"
  cp -R "$root/nginx/nginx.conf" "$root/nginx/tallystick" "$root/nginx/sites" "$dir/nginx/"
  [ -n "$http_port" ] || rm "$dir/nginx/sites/plain-http.conf"
  # Quotes first: the paths may have spaces.
  find "$dir/nginx/nginx.conf" "$dir/nginx/tallystick" "$dir/nginx/sites" -name '*.conf' -print0 |
    while IFS= read -r -d '' file; do
      sed -i \
        -e '/^ *#/b' \
        -e 's#\(unix:\)\{0,1\}/\(run/tallystick\|usr/share/tallystick\|etc/tallystick\|var/log/nginx\|var/lib/nginx\)/[^ ;]*#"&"#' \
        -e "s#/run/tallystick/#$(escape "$dir/run/")#" \
        -e "s#/usr/share/tallystick/#$(escape "$root/nginx/")#" \
        -e "s#/etc/tallystick/tls/#$(escape "$dir/tls/")#" \
        -e "s#/var/log/nginx/#$(escape "$dir/log/")#" \
        -e "s#/var/lib/nginx/#$(escape "$dir/nginx/temp/")#" \
        -e "s#^pid .*#pid \"$(escape "$dir/nginx/nginx.pid")\";#" \
        -e "s#^user .*#${worker:+user $worker;}#" \
        -e "s#\(set \$tallystick_site https://[a-z.]*\);#\1:$port;#" \
        -e "s#server/https-1\.22\.conf#server/$https#" \
        -e "$ipv6" \
        -e "s/listen 443/listen 127.0.0.1:$port/; s/\]:443/]:$port/; s/host:443/host:$port/" \
        -e "s/listen 80/listen 127.0.0.1:${http_port:-80}/; s/\]:80/]:${http_port:-80}/" \
        "$file"
    done
}

# For the right side of a sed command with # around.
escape() { printf '%s' "$1" | sed 's/[&#\\]/\\&/g'; }

# wait_until_ready PORT SUPERVISOR: until nginx and the programs answer; not after 20 s, nor after
# the supervisor's end.
wait_until_ready() {
  local tries
  for ((tries = 0; tries < 200; tries++)); do
    [ "$(curl -sk -o /dev/null -w '%{http_code}' --max-time 2 "https://localhost:$1/auth/health")" != 204 ] ||
      return 0
    kill -0 "$2" 2>/dev/null || return 1
    sleep 0.1
  done
  return 1
}

# The last lines of each log that is not empty.
show_trouble() {
  local file
  for file in "$1"/log/*.log; do
    case $file in */access.log | */init.log | */nginx-t.log) continue ;; esac
    [ ! -s "$file" ] || { printf -- '--- %s\n' "$file"; tail -n 3 "$file"; } >&2
  done
}
