// Reduces the memory of a program after its start.

import CSystem

/// Releases the pages of code and constants.
///
/// The start touches most of a program once: the loader, Swift's type metadata, SQLite's parser and
/// OpenSSL's tables. A waiting program does not need these megabytes again. The pages are read-only
/// and backed by files, so the kernel can drop them; pages that are needed again come back from the
/// page cache.
func releaseStartCode() {
  cs_forget_code()
}
