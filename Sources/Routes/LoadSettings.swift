package import Configuration
import FastCGI
import Launch

extension Settings {
  /// The settings of the environment; ends the program with status 100 if they are wrong.
  ///
  /// With `--help` on the command line it prints the help and ends the program instead: who asks
  /// for help may have no settings yet.
  package static func load() -> Settings {
    FastCGI.answerHelp(
      ServeOptions(
        program: programName(), version: version,
        help: "Settings are environment variables, TALLYSTICK_…; tallystick config show lists them."
      ) { _ in }, arguments: CommandLine.arguments)
    hideMemory()
    return orExit(try Settings(environment: environmentVariables(beginning: Settings.prefix)))
  }
}
