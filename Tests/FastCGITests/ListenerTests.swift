import CSystem
import Glibc
import Testing

@testable import FastCGI

@Suite struct `A listener` {
  private func mode(_ path: String) -> mode_t? {
    var status = stat()
    return unsafe lstat(path, &status) == 0 ? status.st_mode : nil
  }

  private func code(_ path: String) -> Int32? {
    do throws(SystemError) {
      _ = try Listener(path: path)
      return nil
    } catch {
      return error.code
    }
  }

  /// T225.
  @Test func `takes the place of a dead program's socket`() throws {
    let path = temporaryPath()
    close(openSocket(at: path))
    let listener = try Listener(path: path)
    _ = try Peer(path)
    #expect(isListening(listener.number))
  }

  @Test func `leaves a socket alone that somebody answers, and whatever is no socket`() throws {
    let server = try TestServer(.threads)
    #expect(code(server.path) == EADDRINUSE)
    #expect(try server.exchange(Records.request([:]))?.body == "none")

    let file = temporaryPath()
    unsafe close(open(file, O_CREAT | O_WRONLY, 0o600))
    #expect(code(file) == ENOTSOCK)
    #expect(mode(file).map { $0 & S_IFMT } == S_IFREG)
    unsafe unlink(file)
    #expect(code("/nonexistent/socket") == ENOENT)
    #expect(code("") == ENAMETOOLONG)
    #expect(code("/" + String(repeating: "x", count: 200)) == ENAMETOOLONG)
  }

  /// T219; in processes of their own, which alone have a umask to themselves.
  @Test func `has mode 0660 whatever the umask`() async {
    await #expect(processExitsWith: .success) { try checkMode(umask: 0) }
    await #expect(processExitsWith: .success) { try checkMode(umask: 0o077) }
    await #expect(processExitsWith: .success) { try checkMode(umask: 0o777) }
  }

  @Test func `removes its own socket in the end and no other's`() throws {
    let path = temporaryPath()
    do {
      let first = try Listener(path: path)
      unsafe unlink(path)
      let second = try Listener(path: path)
      first.unlinkPath()
      #expect(mode(path) != nil)
      second.unlinkPath()
      #expect(mode(path) == nil)
    }
    _ = try Listener(path: path)
    #expect(mode(path) == nil)
  }
}

private func checkMode(umask mask: mode_t) throws {
  umask(mask)
  let path = temporaryPath()
  let listener = try Listener(path: path)
  var status = stat()
  let found = unsafe lstat(path, &status)
  _ = try Peer(path)
  try #require(found == 0 && status.st_mode & 0o7777 == 0o660)
  _ = listener.number
}
