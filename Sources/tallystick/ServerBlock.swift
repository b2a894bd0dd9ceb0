import Configuration
import Text

/// The server of an issuer, as nginx's configuration has it.
struct ServerBlock {
  let origin: Origin
  /// Paths as they are given to nginx.
  let certificate: String
  let key: String
  /// Whether this nginx has `http2 on;` (1.25.1 and later).
  let hasHTTP2Directive: Bool

  private var port: Int { origin.port }

  private var listen: String {
    let options = hasHTTP2Directive ? "ssl" : "ssl http2"
    return """
        listen \(port) \(options);
        listen [::]:\(port) \(options);
      """ + (hasHTTP2Directive ? "\n  http2 on;" : "")
  }

  /// The text of the file.
  var text: String {
    """
    # \(origin) with tallystick: /etc/nginx/conf.d/tallystick.conf, which `tallystick setup` printed.
    include tallystick/http.conf;

    server {
    \(listen)
      server_name \(origin.host);
      ssl_certificate \(nginxQuoted(certificate));
      ssl_certificate_key \(nginxQuoted(key));

      include tallystick/server/hygiene.conf;
      include tallystick/server/tls.conf;
      include tallystick/headers/transport.conf;
      access_log /var/log/nginx/access.log tallystick;

      include tallystick/server/routes.conf;
      include tallystick/server/check.conf;
      include tallystick/server/errors.conf;
      set $tallystick_site \(origin);
      include tallystick/server/site.conf;

      # The pages on which one signs in.
      location / {
        root /usr/share/tallystick/www;
        index index.html;
        include tallystick/headers/common.conf;
        include tallystick/headers/page.conf;
        add_header Cache-Control no-cache always;
      }

      # What only accounts may see: files of your own. nginx/README.md has applications and groups.
      location /private/ {
        include tallystick/location/guard-pages.conf;
        include tallystick/headers/page.conf;
        root /srv/www;
      }
    }

    # Every other name gets no answer: without a default server it would get this site. Remove it if
    # there is a default_server for this port already.
    server {
      listen \(port) ssl default_server;
      listen [::]:\(port) ssl default_server;
      server_name _;
      ssl_reject_handshake on;
    }
    """
  }
}

/// A word of nginx's configuration, in quotes where it needs them.
func nginxQuoted(_ text: String) -> String {
  let isPlain = text.utf8.allSatisfy { byte in
    isDigit(byte) || byte | 0x20 >= UInt8(ascii: "a") && byte | 0x20 <= UInt8(ascii: "z")
      || "/._-:*".utf8.contains(byte)
  }
  guard !isPlain || text.isEmpty else { return text }
  return "\"" + text.map { "\"\\".contains($0) ? "\\\($0)" : String($0) }.joined() + "\""
}
