package import CSystem
import Glibc

/// Operations that read or replace a whole file.
package enum File {
  /// The kinds of files that may be read.
  package enum Kind {
    case regular, any
  }

  /// Reads a whole file.
  ///
  /// - Parameters:
  ///   - path: The path of the file.
  ///   - limit: The maximum size in bytes.
  ///   - kind: `any` for a file that a person has named: it may be a pipe, and reading then waits.
  ///   - inspect: Checks the status of the file before it is read, and throws to refuse it.
  /// - Returns: The contents.
  /// - Throws: `FileError` if the file cannot be read, is of another kind, or is larger.
  package static func contents(
    of path: String, atMost limit: Int, kind: Kind = .regular,
    inspecting inspect: (stat) throws(FileError) -> Void = { _ throws(FileError) in }
  ) throws(FileError) -> [UInt8] {
    let file =
      switch kind {
      case .regular: try Descriptor(regular: path, O_RDONLY)
      case .any: try Descriptor(unsafe open(path, O_RDONLY | O_CLOEXEC), path, "cannot be read")
      }
    try inspect(file.status)
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: min(limit + 1, 65_536))
    while true {
      let count = unsafe buffer.withUnsafeMutableBytes {
        unsafe read(file.number, $0.baseAddress, $0.count)
      }
      if count < 0 && errno == EINTR { continue }
      guard count >= 0 else { throw .system(path, "cannot be read") }
      guard count > 0 else { return bytes }
      bytes += buffer[..<count]
      guard bytes.count <= limit else { throw FileError(path, "is larger than \(limit) bytes") }
    }
  }

  /// Replaces a file atomically: writes a draft beside it, makes it durable, and renames it.
  ///
  /// A symbolic link at the path is replaced and not followed. The umask does not change the mode.
  /// Only one caller at a time may replace a path.
  ///
  /// - Throws: `FileError`; the old file then still exists.
  package static func replace(
    _ path: String, with bytes: [UInt8], mode: mode_t
  ) throws(FileError) {
    let draft = path + ".new"
    do throws(FileError) {
      let file = try create(draft)
      guard writeAll(bytes, to: file.number), fchmod(file.number, mode) == 0 else {
        throw .system(path, "cannot be written")
      }
      try moveDraft(draft, to: path)
    } catch {
      _ = unsafe unlink(draft)
      throw error
    }
  }

  /// Makes a draft durable, and renames it to the path.
  ///
  /// - Throws: `FileError`; unless the last step failed, the draft then still exists.
  package static func moveDraft(_ draft: String, to path: String) throws(FileError) {
    let file = try Descriptor(regular: draft, O_RDONLY | O_NOFOLLOW)
    guard fsync(file.number) == 0, unsafe rename(draft, path) == 0 else {
      throw .system(path, "cannot be written")
    }
    try Directory.synchronize(Directory.parent(of: path))
  }

  /// Creates an empty file for a draft.
  ///
  /// An earlier draft, or a link that somebody has made, is removed and never opened.
  ///
  /// - Parameters:
  ///   - draft: The path.
  ///   - mode: Exactly this mode, whatever the umask.
  /// - Returns: The file, open for reading and writing.
  /// - Throws: `FileError` if it cannot be created.
  package static func create(
    _ draft: String, mode: mode_t = 0o600
  ) throws(FileError) -> Descriptor {
    _ = unsafe unlink(draft)
    let file = try Descriptor(
      regular: draft, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, mode: 0o600,
      problem: "cannot be created")
    guard fchmod(file.number, mode) == 0 else { throw .system(draft, "cannot be created") }
    return file
  }
}
