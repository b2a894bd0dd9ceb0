// The request that a connection is receiving.

/// A partially received request.
///
/// Its storage is reused for the next one.
struct PartialRequest {
  /// The progress of the request.
  enum Phase {
    case idle, parameters, input
    /// The request can be answered before its input ends, because it is refused. The connection is
    /// closed after the response.
    case early
    case complete
  }

  private(set) var phase = Phase.idle
  private(set) var id: UInt16 = 0
  private(set) var keepsConnection = false
  private(set) var parameters = Parameters()
  /// Whether the parameters are longer than the maximum.
  ///
  /// The excess is discarded.
  private(set) var isOverflowing = false

  private let maximumBody: Int
  private let maximumParameters: Int
  private var declared = DeclaredLength.none
  private var input: [UInt8] = []
  private var isMismatched = false

  init(maximumBody: Int, maximumParameters: Int) {
    self.maximumBody = maximumBody
    self.maximumParameters = maximumParameters
  }

  /// Whether the request can be answered.
  var isReady: Bool { phase == .complete || phase == .early }

  /// The body.
  ///
  /// It is valid once `isReady` is true.
  var body: Body {
    if declared == .tooLarge { return .tooLarge }
    if isMismatched { return .mismatch }
    return input.isEmpty ? .none : .complete(input)
  }

  mutating func begin(_ id: UInt16, keepsConnection: Bool) {
    self.id = id
    self.keepsConnection = keepsConnection
    phase = .parameters
  }

  /// Discards the request, but keeps its storage.
  mutating func clear() {
    phase = .idle
    parameters.removeAll()
    isOverflowing = false
    input.removeAll(keepingCapacity: true)
    isMismatched = false
    declared = .none
  }

  /// Frees the storage that a large request has needed.
  mutating func shrink() {
    parameters.shrink(to: 16_384)
    if input.capacity > 16_384 { input = [] }
  }

  mutating func takeParameters(_ content: Span<UInt8>) {
    isOverflowing = isOverflowing || parameters.byteCount + content.count > maximumParameters
    if !isOverflowing { parameters.appendStream(content) }
  }

  mutating func endParameters() throws(ProtocolError) {
    guard !isOverflowing else {
      phase = .early
      return
    }
    guard parameters.indexStream() else {
      throw ProtocolError(reason: "parameters end inside a parameter")
    }
    declared = DeclaredLength(parameters, maximum: maximumBody)
    isMismatched = declared == .invalid
    phase = isMismatched || declared == .tooLarge ? .early : .input
  }

  mutating func takeInput(_ content: Span<UInt8>) {
    guard phase == .input else { return }
    switch declared {
    case .ignored: return
    case .bytes(let length) where content.count <= length - input.count:
      unsafe content.withUnsafeBufferPointer { bytes in unsafe input.append(contentsOf: bytes) }
    default:
      isMismatched = true
      phase = .early
    }
  }

  mutating func endInput() {
    if case .bytes(let length) = declared, input.count < length { isMismatched = true }
    phase = .complete
  }
}
