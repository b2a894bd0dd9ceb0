// The pages that explain why a browser is not where it wanted to be.
//
// They are whole in themselves: no script, no other file, one style whose digest is in the policy.
// nginx/www/errors has the pages of nginx itself in the same look.

package import FastCGI
import Token
import Wire

/// One page: a status, a title and what to do.
package struct Page: Equatable, Sendable {
  let status: Int
  let title: String
  /// HTML, made of `Markup`.
  let content: Markup
  /// Where the browser goes by itself after so many seconds.
  var refresh: (seconds: Int, location: String)?
  /// Whether any site may show it in a frame.
  var isForFrames = false

  package static func == (left: Page, right: Page) -> Bool {
    left.status == right.status && left.title == right.title && left.content == right.content
  }
}

/// A piece of HTML; text that is put into it is escaped.
package struct Markup: ExpressibleByStringInterpolation, Equatable, Sendable {
  let html: String

  package struct StringInterpolation: StringInterpolationProtocol {
    fileprivate var html = ""

    package init(literalCapacity: Int, interpolationCount: Int) {
      html.reserveCapacity(literalCapacity)
    }

    package mutating func appendLiteral(_ literal: String) {
      html += literal
    }

    package mutating func appendInterpolation(_ text: String) {
      for scalar in text.unicodeScalars {
        switch scalar {
        case "&": html += "&amp;"
        case "<": html += "&lt;"
        case ">": html += "&gt;"
        case "\"": html += "&quot;"
        case "'": html += "&#39;"
        default: html.unicodeScalars.append(scalar)
        }
      }
    }
  }

  package init(stringLiteral literal: String) {
    html = literal
  }

  package init(stringInterpolation: StringInterpolation) {
    html = stringInterpolation.html
  }
}

extension Response {
  /// A page on the wire.
  package init(_ page: Page) {
    var refresh: Markup = ""
    if let (seconds, location) = page.refresh {
      refresh = "<meta http-equiv=\"refresh\" content=\"\(String(seconds)); url=\(location)\">\n"
    }
    let title: Markup = "\(page.title)"
    let html = """
      <!doctype html>
      <html lang="en">
      <head>
      <meta charset="utf-8">
      <meta name="viewport" content="width=device-width, initial-scale=1">
      \(refresh.html)<title>\(title.html)</title>
      <style>\(style)</style>
      </head>
      <body>
      <main>
      \(mark)
      <h1>\(title.html)</h1>
      \(page.content.html)
      </main>
      </body>
      </html>

      """
    self.init(
      status: page.status,
      headers: [
        ("Cache-Control", "no-store"), ("X-Content-Type-Options", "nosniff"),
        (
          "Content-Security-Policy", page.isForFrames ? policy : policy + "; frame-ancestors 'self'"
        ),
        ("Referrer-Policy", "no-referrer"), ("Cross-Origin-Resource-Policy", "same-origin"),
        ("Content-Type", "text/html; charset=utf-8"),
      ], body: Array(html.utf8))
  }
}

private let policy =
  "default-src 'none'; style-src 'sha256-\(base64(sha256(Array(style.utf8))))'; "
  + "base-uri 'none'; form-action 'none'"

/// base64 with padding, as a Content-Security-Policy wants digests (CSP Level 3 §2.3.1).
private func base64(_ bytes: [UInt8]) -> String {
  let text = Base64URL.encode(bytes).map { $0 == "-" ? "+" : $0 == "_" ? "/" : $0 }
  return String(text) + String(repeating: "=", count: (4 - text.count % 4) % 4)
}

/// The style of nginx/www/errors, to the byte: a test holds their digests equal.
private let style = """

  :root { color-scheme: light dark; --paper: #f4f1ea; --card: #fffdf9; --line: #ddd6c8; --ink: #221e18; --soft: #635b4e; --wood: #7a4a1c; --wood-2: #a06a33; --act: #1f5c46; --on-act: #fff; }
  @media (prefers-color-scheme: dark) { :root { --paper: #15130f; --card: #1f1c17; --line: #38332a; --ink: #efe9dd; --soft: #b0a694; --wood: #d99a55; --wood-2: #b67a3c; --act: #7fd0ab; --on-act: #0d2018; } }
  * { box-sizing: border-box; margin: 0; }
  html { -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
  body { min-height: 100vh; display: grid; justify-items: center; align-content: start; padding: clamp(1rem, 9vh, 6rem) 1rem 2rem; background: var(--paper); color: var(--ink); font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans", sans-serif; }
  main { width: min(30rem, 100%); display: grid; gap: 0.875rem; padding: clamp(1.25rem, 5vw, 2rem); background: var(--card); border: 1px solid var(--line); border-radius: 14px; overflow-wrap: anywhere; }
  svg { width: 7.5rem; height: auto; fill: var(--wood); }
  svg path + path { fill: var(--wood-2); }
  h1 { font-size: 1.5rem; line-height: 1.25; letter-spacing: -0.01em; }
  ol { display: grid; gap: 0.375rem; padding-left: 1.375rem; }
  small { color: var(--soft); font-size: 0.9375rem; }
  code { font: 0.875em ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; }
  a { color: var(--act); text-underline-offset: 0.2em; }
  .act { justify-self: start; display: inline-block; margin-top: 0.375rem; padding: 0.5rem 1.125rem; border: 1px solid transparent; border-radius: 10px; background: var(--act); color: var(--on-act); font-weight: 600; text-decoration: none; }
  :focus-visible { outline: 3px solid var(--act); outline-offset: 2px; border-radius: 6px; }

  """

private let mark = """
  <svg viewBox="0 0 300 60" aria-hidden="true" focusable="false"><path d="M6 6H276V24H249L242 16L235 24H231L224 16L217 24H195L188 16L181 24H159L152 16L145 24H141L134 16L127 24H105L98 16L91 24H69L62 16L55 24H51L44 16L37 24H6Z"/><path d="M20 54H290V36H277L270 44L263 36H249L242 44L235 36H213L206 44L199 36H177L170 44L163 36H159L152 44L145 36H123L116 44L109 36H87L80 44L73 36H69L62 44L55 36H20Z"/></svg>
  """
