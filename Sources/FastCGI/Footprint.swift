// What a program keeps of its start.

import CSystem

/// Lets the code and constants go that only the start has needed.
///
/// Starting runs through most of a program once: the loader, Swift's type metadata, SQLite's parser,
/// OpenSSL's tables; afterwards a program that waits for requests holds megabytes it never looks
/// at again. They are never written to, so the kernel may forget them: what is needed comes back
/// from the page cache, and the rest is memory for somebody else.
func releaseStartCode() {
  cs_forget_code()
}
