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
