// Reads the records of one connection, in pieces of any size, into storage that is kept from one
// request to the next.
//
// It holds what it is told against what it has: no length is believed before it is compared, no
// storage grows past its limit, and what breaks the protocol ends the connection. It neither reads
// nor writes a descriptor, so a test can feed it anything.
//
// FastCGI 1.0 §3.3, §5, §6.2.

/// Why a connection cannot go on.
struct ProtocolError: Error, Equatable {
  let reason: String
}

/// The state of one connection's input.
struct RecordReader {
  private enum Sink {
    case ignored, begin, parameters, input, getValues
  }

  private(set) var request: PartialRequest
  /// What is owed for records that are no request: refusals and values.
  var replies: [UInt8] = []
  /// A request was refused or aborted whose sender wants no connection to be kept.
  private(set) var wantsClose = false

  private var header: [8 of UInt8] = .init(repeating: 0)
  private var headerFilled = 0
  private var contentLeft = 0
  private var paddingLeft = 0
  private var sink = Sink.ignored
  /// The content of the short records: BEGIN_REQUEST and GET_VALUES.
  private var short: [UInt8] = []
  /// Streams of other ids than the current one are what follows a refusal.
  private var hasRefused = false

  /// - Parameters:
  ///   - maximumBody: In bytes; 0 for a program that reads none.
  ///   - maximumParameters: In bytes, with the lengths that are sent.
  init(maximumBody: Int, maximumParameters: Int) {
    request = PartialRequest(maximumBody: maximumBody, maximumParameters: maximumParameters)
  }

  /// Whether nothing has begun.
  var isIdle: Bool { request.phase == .idle && headerFilled == 0 }

  private var recordType: UInt8 { header[1] }
  private var recordID: UInt16 { UInt16(header[2]) << 8 | UInt16(header[3]) }

  /// Forgets the request that was answered; its storage stays.
  mutating func finishRequest() {
    request.clear()
  }

  /// Makes it ready for another connection; storage that one large request needed is given back.
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

  /// Takes the next bytes of the connection.
  ///
  /// - Throws: `ProtocolError` if the connection is to be closed without another word.
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
      // What a filter is given; a responder has no use for it.
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

  /// Ends a request without an answer of its own.
  private mutating func refuse(_ status: ProtocolStatus, keeps: Bool) throws(ProtocolError) {
    replies.appendEnd(status, request: recordID)
    hasRefused = true
    if !keeps { wantsClose = true }
    try limitReplies()
  }

  /// Answers what a server may ask before it multiplexes: no.
  ///
  /// FastCGI 1.0 §4.1.
  private mutating func answerValues() throws(ProtocolError) {
    var asked = Parameters()
    asked.appendStream(short.span)
    guard asked.indexStream() else { throw ProtocolError(reason: "wrong GET_VALUES") }
    replies.appendValues(multiplexes: asked.value("FCGI_MPXS_CONNS") != .absent)
    try limitReplies()
  }

  /// A peer that asks and never reads must not fill the memory.
  private func limitReplies() throws(ProtocolError) {
    guard replies.count <= 4_096 else { throw ProtocolError(reason: "too many refusals") }
  }
}
