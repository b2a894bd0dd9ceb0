import Accounts
import Testing

@Suite struct `A requirement` {
  private func account(_ name: String, _ groups: String) throws -> Account {
    Account(
      id: try #require(AccountID(String(repeating: "a", count: 26))),
      username: try #require(Username(name)), groups: try #require(Group.list(groups)),
      createdAt: NumericDate(seconds: 0))
  }

  @Test(arguments: [
    ("", "bob", "", true),
    ("staff", "bob", "staff", true), ("staff", "bob", "staffing,sta", false),
    ("staff,ops", "bob", "ops", true), ("staff,ops", "bob", "", false),
    ("staff/ops", "bob", "ops,staff", true), ("staff/ops", "bob", "staff", false),
    ("staff/ops", "bob", "ops", false),
    ("staff/ops,admin", "bob", "admin", true), ("staff/ops,admin", "bob", "staff", false),
    ("user:alice", "alice", "", true), ("user:alice", "bob", "alice", false),
    ("user:a+b@c.test", "a+b@c.test", "", true),
    ("staff,user:alice", "alice", "", true), ("staff/user:alice", "alice", "", false),
    ("staff/user:alice", "alice", "staff", true), ("staff/user:alice", "bob", "staff", false),
  ])
  func `admits whom it names`(text: String, name: String, groups: String, admitted: Bool) throws {
    #expect(try #require(Requirement(text)).admits(account(name, groups)) == admitted)
  }

  @Test(arguments: [
    ",", "/", "staff,", ",staff", "staff,,ops", "staff/", "/staff", "staff//ops", "Staff",
    "staff, ops", "staff,staff", "staff/staff", "staff/ops,ops/staff", "user:", "user:Alice",
    "user:al ice", "group:staff", "user:alice:bob", "stäff", "staff\u{0}", "%73taff",
  ])
  func `that is misspelt is none`(text: String) {
    #expect(Requirement(text) == nil)
  }

  @Test(arguments: [
    ("staff", "", true), ("", "staff", false), ("", "", true),
    ("staff", "staff,ops", true), ("staff,ops", "staff", false),
    ("staff/ops", "staff", true), ("staff", "staff/ops", false),
    ("staff/user:alice", "staff", true), ("user:alice", "staff", false),
    ("staff/x,ops/y", "ops,staff", true),
  ])
  func `is at least as strict as another`(inner: String, outer: String, strict: Bool) throws {
    let requirement = try #require(Requirement(inner))
    #expect(requirement.isAtLeastAsStrict(as: try #require(Requirement(outer))) == strict)
  }
}
