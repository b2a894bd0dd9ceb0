import FastCGI
import Testing

@testable import Routes

/// T152, T172.
@Suite struct `A JSON body` {
  private func isAccepted(_ type: String) -> Bool {
    isJSON(.single(ArraySlice(type.utf8)))
  }

  @Test(arguments: [
    "application/json", "Application/JSON", "application/json; charset=utf-8",
    "application/json;charset=UTF-8", "application/json; charset=\"utf-8\"",
  ])
  func `is announced as application/json`(type: String) {
    #expect(isAccepted(type))
  }

  @Test(arguments: [
    "", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data",
    "application/jsonx", "application/json, text/plain", "application/json; charset=utf-16",
    "application/json; charset=iso-8859-1", "application/json; charset=utf-8; a=b",
    "text/json", "application/json;", "application/problem+json",
  ])
  func `announced as anything else is refused`(type: String) {
    #expect(!isAccepted(type))
    #expect(!isJSON(.absent) && !isJSON(.repeated))
  }
}
