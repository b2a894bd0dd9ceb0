import Testing

@testable import Nginx

private func read(_ text: String) throws(SyntaxError) -> [Directive] {
  try Directive.read(Array(text.utf8)[...], file: "f")
}

/// The words of each directive, blocks in braces.
private func shape(_ directives: [Directive]) -> String {
  directives.map { directive in
    ([directive.name] + directive.arguments).map { "<\($0)>" }.joined()
      + (directive.block.map { "{\(shape($0))}" } ?? ";")
  }.joined()
}

/// Each as ngx_conf_read_token() reads it.
@Suite struct `A configuration file` {
  @Test(arguments: [
    ("", ""), ("a;", "<a>;"), ("a b c;", "<a><b><c>;"), ("a{b;}", "<a>{<b>;}"),
    ("a { } b ;", "<a>{}<b>;"), ("# a;\nb; # c;\n", "<b>;"), ("a b#c;", "<a><b#c>;"),
    ("a \"b c\" 'd;e';", "<a><b c><d;e>;"), ("a \"\";", "<a><>;"), ("a b\"c;", "<a><b\"c>;"),
    ("a \"b\\\"c\" 'd\\'e';", "<a><b\"c><d'e>;"), ("a b\\ c;", "<a><b\\ c>;"),
    ("a \\;b;", "<a><\\;b>;"),
    ("a \"\\d\\\\\";", "<a><\\d\\>;"), ("a ${b}c;", "<a><${b}c>;"), ("a $b{c;}", "<a><$b>{<c>;}"),
    ("a b}c;", "<a><b}c>;"), ("if ($a = \"b\") { c; }", "<if><($a><=><b><)>{<c>;}"),
    ("location ~ \"^/a{2}$\" { }", "<location><~><^/a{2}$>{}"), ("a\n\tb\r\n;", "<a><b>;"),
    ("content_by_lua_block { if x then y = {1} end } a;", "<content_by_lua_block>{}<a>;"),
    ("map $a $b { default 1; ~x$ 2; }", "<map><$a><$b>{<default><1>;<~x$><2>;}"),
  ])
  func `is read as nginx reads it`(text: String, expected: String) throws {
    #expect(shape(try read(text)) == expected)
  }

  @Test(arguments: [
    ("a", 1), ("a;\nb", 2), ("a {", 1), ("a { b; ", 1), ("}", 1), ("a; }", 1), (";", 1), ("{ }", 1),
    ("a { b }", 1), ("a \"b", 1), ("a 'b\n", 2), ("a \"b\"c;", 1), ("\n\na {\n b", 4),
  ])
  func `is refused where nginx refuses it`(text: String, line: Int) {
    let error = #expect(throws: SyntaxError.self) { try read(text) }
    #expect(error?.line == line)
  }

  @Test func `tells where each directive begins`() throws {
    let directives = try read("a;\nb\n  c;\nd {\n  e \"x\n\";\n  f;\n}\n")
    #expect(directives.map(\.line) == [1, 2, 4])
    #expect(directives[2].block?.map(\.line) == [5, 7])
  }
}

@Suite struct `A whole configuration` {
  private func configuration(_ files: [(String, String)]) throws(SyntaxError) -> Configuration {
    let dump = files.map { "# configuration file \($0):\n\($1)\n" }.joined()
    return try Configuration(dump: Array(dump.utf8))
  }

  @Test func `has what its files include, where they include it`() throws {
    let found = try configuration([
      (
        "/etc/nginx/nginx.conf", "user x;\nhttp {\n include conf.d/*.conf;\n include a/b.conf; c; }"
      ),
      ("/etc/nginx/conf.d/2.conf", "two;"), ("/etc/nginx/conf.d/1.conf", "one { include /srv/x; }"),
      ("/etc/nginx/conf.d/sub/3.conf", "three;"), ("/etc/nginx/a/b.conf", "b;"), ("/srv/x", "x;"),
    ])
    #expect(
      shape(found.directives) == "<user><x>;<http>{<one>{<x>;}<two>;<b>;<c>;}")
    #expect(found.http?.own.first?.file == "/etc/nginx/conf.d/1.conf")
  }

  @Test func `that includes itself is refused`() {
    #expect(throws: SyntaxError.self) {
      try configuration([("/etc/nginx/nginx.conf", "include nginx.conf;")])
    }
    #expect(throws: SyntaxError.self) { try configuration([]) }
  }

  @Test func `inherits as nginx does: all of a name from the nearest block, or nothing`() throws {
    let found = try configuration([
      (
        "/n",
        """
        http { add_header A 1; satisfy all;
          server { add_header B 1; add_header C 1; location /x { root /y; location /x/y { add_header D 1; } } }
          server { satisfy any; } }
        """
      )
    ])
    let servers = found.http?.servers ?? []
    let locations = servers[0].locations
    #expect(servers.count == 2 && locations.count == 2)
    #expect(locations[0].effective("add_header").map(\.value) == ["B", "C"])
    #expect(locations[1].effective("add_header").map(\.value) == ["D"])
    #expect(locations[1].setting("root")?.value == "/y")
    #expect(servers[1].effective("add_header").map(\.value) == ["A"])
    #expect(servers[0].setting("satisfy")?.value == "all")
  }

  @Test func `chooses locations by nginx's signs`() throws {
    let text =
      "http { server { location = /a { } location /b { } location ^~ /c { } location ~ d { } location ~* e { } "
      + "location @f { } location =/g { } location ~^/h { } } }"
    let locations = try configuration([("/n", text)]).http?.servers.first?.locations ?? []
    #expect(
      locations.map(\.match) == [
        .exact("/a"), .prefix("/b", overrulesExpressions: false),
        .prefix("/c", overrulesExpressions: true),
        .expression("d", ignoresCase: false), .expression("e", ignoresCase: true), .named("@f"),
        .exact("/g"),
        .expression("^/h", ignoresCase: false),
      ])
  }
}
