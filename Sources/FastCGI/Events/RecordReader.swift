// An incremental parser for the records of one connection (FastCGI 1.0 §3.3, §5, §6.2).
//
// It accepts input in pieces of any size, and reuses its storage for the next request. It checks
// every length before use and limits all storage. A protocol violation ends the connection. The
// parser does not use descriptors, so tests can feed it any bytes.

/// A violation of the protocol, after which the connection must be closed.
struct ProtocolError: Error, Equatable {
  let reason: String
}

/// The parser state of one connection.
struct RecordReader {
  private enum Sink {
    case ignored, begin, parameters, input, getValues
  }

  private(set) var request: PartialRequest
  /// Replies that are not responses to requests: refusals and values.
  var replies: [UInt8] = []
  /// Whether the connection must be closed, because a refused or aborted request did not keep it.
  private(set) var wantsClose = false

  private var header: [8 of UInt8] = .init(repeating: 0)
  private var headerFilled = 0
  private var contentLeft = 0
  private var paddingLeft = 0
  private var sink = Sink.ignored
  /// The content of the short records: BEGIN_REQUEST and GET_VALUES.
  private var short: [UInt8] = []
  /// Whether a request was refused on this connection.
  ///
  /// If so, streams with another request identifier are ignored: they belong to that request.
  private var hasRefused = false

  /// - Parameters:
  ///   - maximumBody: In bytes; 0 for a program that reads no bodies.
  ///   - maximumParameters: In bytes, including the encoded lengths.
  init(maximumBody: Int, maximumParameters: Int) {
    request = PartialRequest(maximumBody: maximumBody, maximumParameters: maximumParameters)
  }

  /// Whether no request and no record is in progress.
  var isIdle: Bool { request.phase == .idle && headerFilled == 0 }

  private var recordType: UInt8 { header[1] }
  private var recordID: UInt16 { UInt16(header[2]) << 8 | UInt16(header[3]) }

  /// Discards the answered request, but keeps its storage.
  mutating func finishRequest() {
    request.clear()
  }

  /// Prepares for another connection, and frees the storage that a large request has needed.
  mutating func reset() {
    request.clear()
    request.shrink()
    replies.removeAll(keepingCapacity: true)
    short.removeAll(keepingCapacity: true)
    wantsClose = false
    hasRefused = false
    headerFilled = 0
    contentLeft = 0
    paddingLeft = 0
  }

  /// Parses the next bytes of the connection.
  ///
  /// - Throws: `ProtocolError` if the connection must be closed without a reply.
  mutating func feed(_ bytes: Span<UInt8>) throws(ProtocolError) {
    var position = 0
    while position < bytes.count {
      if headerFilled < Record.headerLength {
        header[headerFilled] = bytes[position]
        headerFilled += 1
        position += 1
        guard headerFilled == Record.headerLength else { continue }
        try beginRecord()
      } else if contentLeft > 0 {
        let count = min(contentLeft, bytes.count - position)
        take(bytes.extracting(position..<position + count))
        contentLeft -= count
        position += count
        if contentLeft == 0 { try endContent() }
      } else {
        let count = min(paddingLeft, bytes.count - position)
        paddingLeft -= count
        position += count
      }
      if headerFilled == Record.headerLength, contentLeft == 0, paddingLeft == 0 {
        headerFilled = 0
      }
    }
  }

  private mutating func beginRecord() throws(ProtocolError) {
    guard header[0] == 1 else { throw ProtocolError(reason: "record of another version") }
    contentLeft = Int(header[4]) << 8 | Int(header[5])
    paddingLeft = Int(header[6])
    sink = .ignored
    let isCurrent = request.phase != .idle && recordID == request.id
    switch recordType {
    case RecordType.beginRequest:
      guard recordID != 0, contentLeft == 8, !isCurrent else {
        throw ProtocolError(reason: "wrong BEGIN_REQUEST")
      }
      sink = .begin
    case RecordType.abortRequest:
      guard isCurrent else { break }
      request.clear()
      try refuse(.requestComplete, keeps: request.keepsConnection)
    case RecordType.parameters, RecordType.input, RecordType.data:
      guard isCurrent || hasRefused else {
        throw ProtocolError(reason: "stream without a request")
      }
      if isCurrent { try beginStream() }
    case RecordType.getValues:
      guard recordID == 0, contentLeft <= 512 else {
        throw ProtocolError(reason: "wrong GET_VALUES")
      }
      sink = .getValues
      if contentLeft == 0 { try answerValues() }
    case RecordType.endRequest, RecordType.output, RecordType.errors,
      RecordType.getValuesResult, RecordType.unknownType:
      throw ProtocolError(reason: "record that only a responder sends")
    default:
      replies.appendUnknownType(recordType)
      try limitReplies()
    }
  }

  private mutating func beginStream() throws(ProtocolError) {
    switch (recordType, request.phase) {
    case (RecordType.parameters, .parameters):
      sink = .parameters
      if contentLeft == 0 { try request.endParameters() }
    case (RecordType.input, .input), (RecordType.input, .early):
      sink = .input
      if contentLeft == 0 { request.endInput() }
    case (RecordType.data, _):
      // Only the filter role uses FCGI_DATA.
      break
    default:
      throw ProtocolError(reason: "stream out of order")
    }
  }

  private mutating func take(_ content: Span<UInt8>) {
    switch sink {
    case .ignored: break
    case .begin, .getValues: for index in content.indices { short.append(content[index]) }
    case .parameters: request.takeParameters(content)
    case .input: request.takeInput(content)
    }
  }

  private mutating func endContent() throws(ProtocolError) {
    switch sink {
    case .begin: try beginRequest()
    case .getValues: try answerValues()
    case .ignored, .parameters, .input: break
    }
    short.removeAll(keepingCapacity: true)
  }

  private mutating func beginRequest() throws(ProtocolError) {
    let role = Int(short[0]) << 8 | Int(short[1])
    let keeps = short[2] & Record.keepConnectionFlag != 0
    guard request.phase == .idle else { return try refuse(.cannotMultiplex, keeps: true) }
    guard role == Record.responderRole else { return try refuse(.unknownRole, keeps: keeps) }
    request.begin(recordID, keepsConnection: keeps)
  }

  /// Ends a request without a response.
  private mutating func refuse(_ status: ProtocolStatus, keeps: Bool) throws(ProtocolError) {
    replies.appendEnd(status, request: recordID)
    hasRefused = true
    if !keeps { wantsClose = true }
    try limitReplies()
  }

  /// Replies to GET_VALUES, by which a server asks whether it may multiplex (FastCGI 1.0 §4.1).
  private mutating func answerValues() throws(ProtocolError) {
    var asked = Parameters()
    asked.appendStream(short.span)
    guard asked.indexStream() else { throw ProtocolError(reason: "wrong GET_VALUES") }
    replies.appendValues(multiplexes: asked.value("FCGI_MPXS_CONNS") != .absent)
    try limitReplies()
  }

  /// Limits the memory for replies to a peer that asks but does not read.
  private func limitReplies() throws(ProtocolError) {
    guard replies.count <= 4_096 else { throw ProtocolError(reason: "too many refusals") }
  }
}
