// FastCGI records as a web server writes them, right or wrong.

enum Records {
  static let keep: UInt8 = 1

  /// One record; the length may be a lie.
  static func record(
    _ type: UInt8, _ id: UInt16, _ content: [UInt8] = [], padding: Int = 0, version: UInt8 = 1
  ) -> [UInt8] {
    [
      version, type, UInt8(id >> 8), UInt8(id & 0xff), UInt8(content.count >> 8),
      UInt8(content.count & 0xff), UInt8(padding), 0,
    ] + content + Array(repeating: 0xaa, count: padding)
  }

  static func begin(_ id: UInt16 = 1, role: UInt8 = 1, flags: UInt8 = 0) -> [UInt8] {
    record(1, id, [0, role, flags, 0, 0, 0, 0, 0])
  }

  /// FastCGI 1.0 §3.4: one byte up to 127, else four.
  static func length(_ count: Int) -> [UInt8] {
    guard count > 127 else { return [UInt8(count)] }
    return [
      UInt8(count >> 24 & 0x7f) | 0x80, UInt8(count >> 16 & 0xff), UInt8(count >> 8 & 0xff),
      UInt8(count & 0xff),
    ]
  }

  static func pairs(_ pairs: [(String, [UInt8])]) -> [UInt8] {
    pairs.flatMap { name, value in
      length(name.utf8.count) + length(value.count) + Array(name.utf8) + value
    }
  }

  /// A stream of records and its end.
  static func stream(_ type: UInt8, _ id: UInt16, _ content: [UInt8]) -> [UInt8] {
    var bytes: [UInt8] = []
    for start in stride(from: 0, to: content.count, by: 65_528) {
      let piece = Array(content[start..<min(start + 65_528, content.count)])
      bytes += record(type, id, piece, padding: -piece.count & 7)
    }
    return bytes + record(type, id)
  }

  /// A whole request.
  static func request(
    _ parameters: [(String, [UInt8])], body: [UInt8] = [], id: UInt16 = 1, flags: UInt8 = 0
  ) -> [UInt8] {
    begin(id, flags: flags) + stream(4, id, pairs(parameters)) + stream(5, id, body)
  }

  static func request(
    _ parameters: KeyValuePairs<String, String>, body: String = "", id: UInt16 = 1,
    flags: UInt8 = 0
  ) -> [UInt8] {
    request(
      parameters.map { ($0.key, Array($0.value.utf8)) }, body: Array(body.utf8), id: id,
      flags: flags)
  }
}
