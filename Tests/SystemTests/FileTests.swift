import Foundation
import Testing

@testable import System

/// Files that are read and replaced whole.
@Suite struct `A file` {
  private let folder: String
  private var path: String { folder + "/file" }

  init() throws {
    folder = FileManager.default.temporaryDirectory.path + "/tallystick-files-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
  }

  private func text(_ path: String) throws -> String {
    try String(contentsOfFile: path, encoding: .utf8)
  }

  private func names() throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
  }

  @Test func `is replaced whole, with the mode that was asked for and no draft left`() throws {
    for (bytes, mode) in [([UInt8]("one".utf8), mode_t(0o644)), ([UInt8]("two".utf8), 0o400)] {
      try File.replace(path, with: bytes, mode: mode)
      #expect(try File.contents(of: path, atMost: 3) == bytes)
      let attributes = try FileManager.default.attributesOfItem(atPath: path)
      #expect(attributes[.posixPermissions] as? Int == Int(mode))
      #expect(try names() == ["file"])
    }
  }

  @Test(arguments: ["file", "file.new"])
  func `takes the place of a link and leaves alone where the link leads`(name: String) throws {
    let canary = folder + "/canary"
    try "canary".write(toFile: canary, atomically: false, encoding: .utf8)
    try #require(unsafe symlink(canary, "\(folder)/\(name)") == 0)
    try File.replace(path, with: Array("new".utf8), mode: 0o600)
    #expect(try text(path) == "new" && text(canary) == "canary")
    #expect(try names() == ["canary", "file"])
  }

  @Test func `stays as it was if a draft cannot be made or moved`() throws {
    try File.replace(path, with: Array("old".utf8), mode: 0o600)
    try #require(unsafe mkdir(path + ".new", 0o700) == 0)
    let error = #expect(throws: FileError.self) {
      try File.replace(path, with: Array("new".utf8), mode: 0o600)
    }
    #expect(error?.reason == "\(path).new cannot be created: File exists")
    #expect(try text(path) == "old")

    let directory = folder + "/directory"
    try #require(unsafe mkdir(directory, 0o700) == 0)
    let other = #expect(throws: FileError.self) {
      try File.replace(directory, with: Array("new".utf8), mode: 0o600)
    }
    #expect(other?.reason == "\(directory) cannot be written: Is a directory")
    #expect(try names() == ["directory", "file", "file.new"])
  }

  @Test func `is read up to its limit and no further`() throws {
    try File.replace(path, with: Array("four".utf8), mode: 0o600)
    #expect(try File.contents(of: path, atMost: 4) == Array("four".utf8))
    let error = #expect(throws: FileError.self) { try File.contents(of: path, atMost: 3) }
    #expect(error?.reason == "\(path) is larger than 3 bytes")
  }

  @Test func `is nothing but a regular file, and a FIFO is not waited for`() throws {
    try #require(unsafe mkfifo(path, 0o600) == 0)
    for other in [path, folder, "/dev/zero"] {
      let error = #expect(throws: FileError.self) { try File.contents(of: other, atMost: 9) }
      #expect(error?.reason == "\(other) is no regular file")
    }
    let missing = #expect(throws: FileError.self) {
      try File.contents(of: folder + "/none", atMost: 9)
    }
    #expect(missing?.reason == "\(folder)/none cannot be read: No such file or directory")
  }
}

/// Directories that hold what is private.
@Suite struct `A directory` {
  @Test(arguments: [
    ("/a/b", "/a"), ("/a/b//", "/a"), ("/a", "/"), ("/", "/"), ("a", "."), ("a/b", "a"),
  ])
  func `has a parent`(path: String, parent: String) {
    #expect(Directory.parent(of: path) == parent)
  }

  @Test func `is made with its mode, or given it, and never where a link leads`() throws {
    let folder =
      FileManager.default.temporaryDirectory.path + "/tallystick-files-\(UUID().uuidString)"
    for mode in [mode_t(0o755), 0o700] {
      try Directory.make(folder, mode: mode)
      let attributes = try FileManager.default.attributesOfItem(atPath: folder)
      #expect(attributes[.posixPermissions] as? Int == Int(mode))
    }
    #expect(Directory.isEmpty(try Descriptor(directory: folder)))
    let link = folder + "/link"
    try #require(unsafe symlink(folder, link) == 0)
    #expect(!Directory.isEmpty(try Descriptor(directory: folder)))
    #expect(throws: FileError.self) { try Directory.make(link, mode: 0o777) }
    let attributes = try FileManager.default.attributesOfItem(atPath: folder)
    #expect(attributes[.posixPermissions] as? Int == 0o700)
    try FileManager.default.removeItem(atPath: folder)
  }
}
