/// The version of all programs and of the package; `tools/package` reads it here.
package let version = "0.9.0"
