// Plain CGI (RFC 3875): the request is the environment and standard input, the response goes to
// standard output.
//
// libfcgi's fcgiapp has no CGI emulation, so this file implements it.

import Glibc
import System

/// Answers the request that the environment describes.
func answerCGI(_ options: ServeOptions, _ handler: BatchHandler) {
  let parameters = environmentParameters()
  let declared = DeclaredLength(parameters, maximum: options.maximumBody)
  let request = Request(parameters: parameters, body: readBody(declared))
  for response in respond(to: [request], handler) {
    if !response.isFaithful { options.log(.refused("an answer that cannot be written")) }
    writeAll(response.bytes, to: STDOUT_FILENO)
  }
}

/// The environment as parameters, including duplicates.
private func environmentParameters() -> Parameters {
  var parameters = Parameters()
  // No other thread exists yet, so nobody changes the environment meanwhile.
  var next = unsafe environ
  while let variable = unsafe next.pointee {
    unsafe parameters.append(variable: variable)
    unsafe next += 1
  }
  return parameters
}

/// Reads exactly the declared number of bytes, because the server need not close standard input.
///
/// RFC 3875 §4.2.
private func readBody(_ declared: DeclaredLength) -> Body {
  switch declared {
  case .ignored, .none: return .none
  case .tooLarge: return .tooLarge
  case .invalid: return .mismatch
  case .bytes(let length):
    var body = [UInt8](repeating: 0, count: length)
    var filled = 0
    while filled < length {
      let count = unsafe body.withUnsafeMutableBytes { buffer in
        let rest = unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[filled...])
        return unsafe read(STDIN_FILENO, rest.baseAddress, rest.count)
      }
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else { return .mismatch }
      filled += count
    }
    return .complete(body)
  }
}
