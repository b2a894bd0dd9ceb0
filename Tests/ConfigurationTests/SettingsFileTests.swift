import Testing

@testable import Configuration

private func variables(_ text: String) throws -> [String] {
  try SettingsFile(Array(text.utf8)).variables.map { "\($0.name)|\($0.value)" }
}

@Suite struct `A settings file` {
  @Test(arguments: [
    ("", []), ("\n# A=1\n  ; B=2\n\n", []), ("A=1", ["A|1"]), ("A=1\nB=2\n", ["A|1", "B|2"]),
    ("A=", ["A|"]), ("  A= 1 \t\n", ["A|1"]), ("A=\"x y\"\n", ["A|x y"]), ("A='#'\n", ["A|#"]),
    ("A=x # y\n", ["A|x # y"]),
    ("A=https://a.test https://b.test\n", ["A|https://a.test https://b.test"]),
    ("A=postgresql://u@h/d?a=b&c=d\n", ["A|postgresql://u@h/d?a=b&c=d"]), ("A=é\n", ["A|é"]),
    (
      "TALLYSTICK_ISSUER=https://auth.example.test\n",
      ["TALLYSTICK_ISSUER|https://auth.example.test"]
    ),
  ])
  func `has what systemd reads in it, too`(text: String, expected: [String]) throws {
    #expect(try variables(text) == expected)
  }

  @Test(arguments: [
    ("A", 1), ("A=1\nexport B=2\n", 2), ("=1", 1), ("1A=x", 1), ("A-B=x", 1), ("A=1\nA=2", 2),
    ("A=\"x", 1), ("A=x\"", 1), ("A='x\" ", 1), ("A=\"x\" y", 1), ("A=x\\\nB=2", 1),
    ("A=\"a\\n\"", 1),
    ("A = 1", 1), ("A=$HOME", 1), ("A=`id`", 1), ("A=\u{7}", 1), ("A=1\r\n", 1),
  ])
  func `is refused by the line that it could be misread at`(text: String, line: Int) {
    let error = #expect(throws: SettingsFileError.self) { try variables(text) }
    #expect(error?.line == line)
  }

  @Test func `is UTF-8`() {
    #expect(throws: SettingsFileError(line: 1, problem: "is not UTF-8")) {
      try SettingsFile([0x41, 0x3d, 0xff])
    }
  }
}
