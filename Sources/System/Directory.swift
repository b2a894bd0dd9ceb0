package import CSystem
import Glibc

/// Operations on directories by their paths.
package enum Directory {
  /// The directory that contains a path: "/" for "/a", and "." for "a".
  package static func parent(of path: String) -> String {
    var path = path[...]
    while path.count > 1, path.hasSuffix("/") { path.removeLast() }
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }

  /// Makes a directory with exactly this mode, or sets the mode of an existing directory.
  ///
  /// A symbolic link at the path is refused, because it may lead to any other directory.
  ///
  /// - Throws: `FileError` if there is something else at the path, or if the system refuses.
  package static func make(_ path: String, mode: mode_t) throws(FileError) {
    guard unsafe mkdir(path, mode) == 0 || errno == EEXIST else {
      throw .system(path, "cannot be created")
    }
    let directory = try Descriptor(directory: path, O_NOFOLLOW)
    guard fchmod(directory.number, mode) == 0 else { throw .system(path, "cannot be closed") }
  }

  /// Makes renames, creations and removals in a directory durable.
  ///
  /// - Throws: `FileError` if it cannot be opened or the disk fails.
  package static func synchronize(_ path: String) throws(FileError) {
    let directory = try Descriptor(directory: path)
    guard fsync(directory.number) == 0 else { throw .system(path, "cannot be synchronized") }
  }

  /// The names in a directory, in no order.
  ///
  /// - Throws: `FileError` if it cannot be read.
  package static func names(in path: String) throws(FileError) -> [String] {
    guard let stream = unsafe opendir(path) else { throw .system(path, "cannot be read") }
    defer { unsafe closedir(stream) }
    var names: [String] = []
    while let entry = unsafe readdir(stream) {
      let name = unsafe withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
        unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      if name != "." && name != ".." { names.append(name) }
    }
    return names
  }

  /// The mode of files in a directory that several users may share.
  ///
  /// The setgid bit says so: files made in there belong to the directory's group, which may then
  /// read and write them. In any other directory they are their owner's alone.
  ///
  /// - Parameter path: The directory.
  /// - Returns: 0660 or 0600; 0600 if it cannot be looked at.
  package static func modeOfFiles(in path: String) -> mode_t {
    var info = stat()
    guard unsafe stat(path, &info) == 0 else { return 0o600 }
    return info.isShared ? 0o660 : 0o600
  }

  /// Whether a directory is empty; false if it cannot be read.
  package static func isEmpty(_ directory: borrowing Descriptor) -> Bool {
    let number = unsafe openat(directory.number, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard number >= 0, let stream = unsafe fdopendir(number) else { return false }
    defer { unsafe closedir(stream) }
    var count = 0
    while unsafe readdir(stream) != nil { count += 1 }
    // An empty directory contains itself and its parent.
    return count == 2
  }
}
