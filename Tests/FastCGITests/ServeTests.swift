import CSystem
import Glibc
import System
import Testing
import Threads

@testable import FastCGI

private func options(_ kind: ServeOptions.Kind = .threads) -> ServeOptions {
  ServeOptions(program: "test", maximumBody: 16, kind: kind) { _ in }
}

/// Makes bytes the standard input of this process.
private func setStandardInput(_ bytes: [UInt8]) {
  var ends: [Int32] = [0, 0]
  unsafe pipe(&ends)
  writeAll(bytes, to: ends[1])
  close(ends[1])
  dup2(ends[0], STDIN_FILENO)
}

/// Each in a process of its own, since `serve` does not return.
@Suite struct `A program` {
  private func isOutput(_ result: ExitTest.Result?, _ text: String) -> Bool {
    // The test library writes a line of its own before.
    let output = String(decoding: result?.standardOutputContent ?? [], as: UTF8.self)
    return output.contains(text)
  }

  @Test func `is CGI without a socket: environment and standard input in, standard output out`()
    async
  {
    let result = await #expect(processExitsWith: .exitCode(0), observing: [\.standardOutputContent])
    {
      setStandardInput(Array("{}, and what the server left there".utf8))
      unsafe setenv("REQUEST_METHOD", "POST", 1)
      unsafe setenv("CONTENT_LENGTH", "2", 1)
      serve(options(), arguments: ["test"]) { request in
        guard request.body == .complete(Array("{}".utf8)),
          request.parameters.value("REQUEST_METHOD") == .single(Array("POST".utf8)[...])
        else { return Response(status: 500) }
        return Response(status: 201, body: Array("made".utf8))
      }
    }
    #expect(isOutput(result, "Status: 201 Created\r\nContent-Length: 4\r\n\r\nmade"))
  }

  @Test func `is CGI that notices a short, a long and a wrongly declared body`() async {
    await #expect(processExitsWith: .exitCode(0)) { serveBody("x", length: "2", expect: .mismatch) }
    await #expect(processExitsWith: .exitCode(0)) {
      serveBody("x", length: "17", expect: .tooLarge)
    }
    await #expect(processExitsWith: .exitCode(0)) {
      serveBody("x", length: "+1", expect: .mismatch)
    }
    await #expect(processExitsWith: .exitCode(0)) { serveBody("x", length: nil, expect: .none) }
  }

  @Test func `names an unknown option and exits with 100`() async {
    let result = await #expect(
      processExitsWith: .exitCode(100), observing: [\.standardErrorContent]
    ) {
      serve(options(), arguments: ["test", "--sokcet", "x"], echo)
    }
    let text = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
    #expect(text.contains("test: unknown option \"--sokcet\""))
  }

  @Test func `exits with 111 if its socket cannot be opened`() async {
    await #expect(processExitsWith: .exitCode(111)) {
      serve(options(), arguments: ["test", "--socket", "/nonexistent/socket"], echo)
    }
  }

  /// T224.
  @Test func `finishes and exits with 0 on SIGTERM`() async {
    await #expect(processExitsWith: .exitCode(0)) { try serveUntilSignal(.threads, SIGTERM) }
    await #expect(processExitsWith: .exitCode(0)) { try serveUntilSignal(.events, SIGINT) }
  }

  @Test func `says its version before it needs a setting`() async {
    let result = await #expect(processExitsWith: .exitCode(0), observing: [\.standardOutputContent])
    {
      answerHelp(
        ServeOptions(program: "test", version: "1.2.3") { _ in }, arguments: ["test", "--version"])
      exit(1)
    }
    #expect(isOutput(result, "test (tallystick) 1.2.3\n"))
  }

  @Test func `exits with 0 when nobody has connected for its idle time`() async {
    await #expect(processExitsWith: .exitCode(0)) {
      dup2(openSocket(at: temporaryPath()), STDIN_FILENO)
      serve(options(.threads), arguments: ["test", "--idle", "1"], echo)
    }
    await #expect(processExitsWith: .exitCode(0)) {
      dup2(openSocket(at: temporaryPath()), STDIN_FILENO)
      serve(options(.events), arguments: ["test", "--idle", "1"], echo)
    }
  }

  @Test func `serves the socket that it inherits as standard input`() async {
    await #expect(processExitsWith: .exitCode(0)) {
      let path = temporaryPath()
      dup2(openSocket(at: path), STDIN_FILENO)
      try endAfterOneRequest(path)
      serve(options(), arguments: ["test"], echo)
    }
  }
}

@Suite struct `A command line` {
  @Test func `takes values after a space or an equals sign`() throws {
    let spaced = try ServeCommand(["--socket", "/s", "--threads", "3", "--processes", "2"])
    #expect(try ServeCommand(["--socket=/s", "--threads=3", "--processes=2"]) == spaced)
    #expect(spaced.socket == "/s" && spaced.threads == 3 && spaced.processes == 2)
    #expect(spaced.workerArguments("p") == ["p", "--worker", "last", "--threads", "3"])
    #expect(try ServeCommand(spaced.workerArguments("p").dropFirst()).worker == .last)
    #expect(
      try ServeCommand(["--processes=2"]).workerArguments("p") == ["p", "--worker", "shared"])
  }

  @Test(arguments: [
    ["-h"], ["x"], [""], ["--socket"], ["--socket="], ["--threads", "0"], ["--threads", "x"],
    ["--threads=1001"], ["--processes", "-1"], ["--help=1"], ["--worker", "x"], ["--"],
    ["--idle", "0"], ["--idle", "x"], ["--idle=86401"], ["--idle=9", "--socket=/s"],
    ["--idle=9", "--processes=2"],
  ])
  func `is refused where it says something else`(_ arguments: [String]) {
    #expect(throws: UsageError.self) { try ServeCommand(arguments) }
  }
}

private func serveBody(_ input: String, length: String?, expect body: Body) -> Never {
  setStandardInput(Array(input.utf8))
  unsafe setenv("REQUEST_METHOD", "POST", 1)
  if let length {
    unsafe setenv("CONTENT_LENGTH", length, 1)
  } else {
    unsafe unsetenv("CONTENT_LENGTH")
  }
  serve(options(), arguments: ["test"]) { request in
    if request.body != body { exit(1) }
    return Response(status: 204)
  }
}

private func serveUntilSignal(_ kind: ServeOptions.Kind, _ signal: Int32) throws -> Never {
  let path = temporaryPath()
  try endAfterOneRequest(path, signal)
  serve(options(kind), arguments: ["test", "--socket", path], echo)
}

/// Sends a request as soon as the socket is there, then ends the process as an administrator does.
private func endAfterOneRequest(_ path: String, _ signal: Int32 = SIGTERM) throws {
  let thread = try startThread(stackSize: 1 << 18) {
    for _ in 0..<10_000 {
      guard let peer = try? Peer(path) else {
        // The socket is about to be opened.
        poll(nil, 0, 1)
        continue
      }
      unsafe unlink(path)
      let answer = try? peer.exchange(Records.request(["A": "b"]))
      guard answer?.body == "none\nA=b" else { exit(1) }
      kill(getpid(), signal)
      return
    }
    exit(2)
  }
  pthread_detach(thread)
}
