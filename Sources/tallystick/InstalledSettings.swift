// The settings of an installation, for commands that are run by hand.
//
// systemd gives the programs the same file. Whoever can change it decides which state root works
// on, so as root the command reads only a file that nobody but root can change.

import CSystem
import Configuration
import Glibc
import System

/// The settings file that a package installs.
enum InstalledSettings {
  static let path = "/etc/tallystick/tallystick.env"

  /// Adds the file's settings to the environment, which wins where it has the same name.
  ///
  /// Nothing is read if the environment names a state directory: that is another installation. Nor
  /// if there is no file, or if this user may not read it.
  ///
  /// - Throws: `Refused` with status 100 for a file that is wrong or that others can change.
  static func addToEnvironment(from path: String = path) throws(Refused) {
    guard unsafe getenv("TALLYSTICK_STATE") == nil, unsafe access(path, R_OK) == 0 else {
      return
    }
    for (name, value) in try read(path).variables where name.utf8.starts(with: "TALLYSTICK_".utf8) {
      unsafe setenv(name, value, 0)
    }
  }

  /// The settings in a file.
  static func read(_ path: String) throws(Refused) -> SettingsFile {
    let contents: [UInt8]
    do throws(FileError) {
      contents = try File.contents(of: path, atMost: 65_536) { info throws(FileError) in
        guard info.st_uid == 0 || info.st_uid == geteuid(), info.st_mode & 0o022 == 0 else {
          throw FileError(path, "can be changed by others than root: chown root, chmod 0600")
        }
      }
    } catch {
      throw Refused(status: 100, line: error.reason)
    }
    do throws(SettingsFileError) {
      return try SettingsFile(contents)
    } catch {
      throw Refused(status: 100, line: "\(path): line \(error.line) \(error.problem)")
    }
  }
}
