// The records that a responder reads and writes (FastCGI 1.0 §3.3, §8).

/// The record types.
enum RecordType {
  static let beginRequest: UInt8 = 1
  static let abortRequest: UInt8 = 2
  static let endRequest: UInt8 = 3
  static let parameters: UInt8 = 4
  static let input: UInt8 = 5
  static let output: UInt8 = 6
  static let errors: UInt8 = 7
  static let data: UInt8 = 8
  static let getValues: UInt8 = 9
  static let getValuesResult: UInt8 = 10
  static let unknownType: UInt8 = 11
}

/// The protocol status of a request that has ended (FastCGI 1.0 §5.5).
enum ProtocolStatus: UInt8 {
  case requestComplete = 0
  case cannotMultiplex = 1
  case unknownRole = 3
}

enum Record {
  static let headerLength = 8
  static let maximumContent = 65_535
  static let responderRole = 1
  static let keepConnectionFlag: UInt8 = 1
}

extension [UInt8] {
  /// Appends the header of a record.
  mutating func appendHeader(_ type: UInt8, request: UInt16, length: Int, padding: Int = 0) {
    append(1)
    append(type)
    append(UInt8(truncatingIfNeeded: request >> 8))
    append(UInt8(truncatingIfNeeded: request))
    append(UInt8(truncatingIfNeeded: length >> 8))
    append(UInt8(truncatingIfNeeded: length))
    append(UInt8(truncatingIfNeeded: padding))
    append(0)
  }

  /// Appends the record that ends a request.
  mutating func appendEnd(_ status: ProtocolStatus, request: UInt16) {
    appendHeader(RecordType.endRequest, request: request, length: 8)
    for _ in 0..<4 { append(0) }
    append(status.rawValue)
    for _ in 0..<3 { append(0) }
  }

  /// Appends the reply to a record of an unknown type (FastCGI 1.0 §4.2).
  mutating func appendUnknownType(_ type: UInt8) {
    appendHeader(RecordType.unknownType, request: 0, length: 8)
    append(type)
    for _ in 0..<7 { append(0) }
  }

  /// Appends the reply to GET_VALUES.
  ///
  /// If `FCGI_MPXS_CONNS` is asked, it says that connections are not multiplexed.
  mutating func appendValues(multiplexes isAsked: Bool) {
    let name = "FCGI_MPXS_CONNS"
    appendHeader(
      RecordType.getValuesResult, request: 0, length: isAsked ? name.utf8.count + 3 : 0)
    guard isAsked else { return }
    append(UInt8(name.utf8.count))
    append(1)
    append(contentsOf: name.utf8)
    append(0x30)
  }

  /// Appends the records of a response: its output, the end of the output and the end of the
  /// request.
  ///
  /// - Parameters:
  ///   - response: The response in its CGI form.
  ///   - request: The identifier of the request.
  mutating func appendAnswer(_ response: EncodedResponse, request: UInt16) {
    let start = count
    appendHeader(RecordType.output, request: request, length: 0)
    append(contentsOf: response.bytes)
    let length = response.bytes.count
    if length <= Record.maximumContent {
      // The usual case: one record. The response is already in place, so only fill in the length.
      let padding = -length & 7
      self[start + 4] = UInt8(truncatingIfNeeded: length >> 8)
      self[start + 5] = UInt8(truncatingIfNeeded: length)
      self[start + 6] = UInt8(padding)
      for _ in 0..<padding { append(0) }
    } else {
      removeSubrange(start...)
      appendOutput(response.bytes, request: request)
    }
    appendHeader(RecordType.output, request: request, length: 0)
    appendEnd(.requestComplete, request: request)
  }

  /// Appends output that is too long for one record.
  private mutating func appendOutput(_ content: [UInt8], request: UInt16) {
    // The largest multiple of 8 that fits, so that only the last record may need padding.
    let step = Record.maximumContent & ~7
    for start in stride(from: 0, to: content.count, by: step) {
      let piece = content[start..<Swift.min(start + step, content.count)]
      let padding = -piece.count & 7
      appendHeader(
        RecordType.output, request: request, length: piece.count, padding: padding)
      append(contentsOf: piece)
      for _ in 0..<padding { append(0) }
    }
  }
}
