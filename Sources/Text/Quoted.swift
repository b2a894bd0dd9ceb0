/// The text in quotes for a message of one line: at most 80 characters, control characters escaped.
package func quoted(_ text: String) -> String {
  "\"" + escaped(text) + "\""
}

/// The text for a message of one line: at most 80 characters, control characters escaped.
package func escaped(_ text: String) -> String {
  text.unicodeScalars.prefix(80).map { scalar in
    scalar.value < 0x20 || scalar.value == 0x7f
      ? "\\u{\(String(scalar.value, radix: 16))}"
      : String(scalar)
  }.joined()
}
