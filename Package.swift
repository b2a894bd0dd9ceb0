// swift-tools-version: 6.2
import PackageDescription

let strict: [SwiftSetting] = [
  .strictMemorySafety(),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
]

// What each program links is what it may do; `tools/linkage` holds the programs to it.
let programs: [(name: String, store: Bool, hashing: Bool)] = [
  ("register", true, true), ("login", true, true), ("password", true, true),
  ("refresh", true, false), ("logout", true, false), ("revoke", true, false),
  ("me", true, false), ("sessions", true, false), ("check", true, false),
  ("health", true, false), ("jwks", false, false), ("tallystick", true, true),
]

let package = Package(
  name: "tallystick",
  products: programs.map { .executable(name: $0.name, targets: [$0.name]) },
  targets: [
    .systemLibrary(name: "CFastCGI"),
    .systemLibrary(name: "CSQLite"),
    .systemLibrary(name: "CCrypto"),
    .systemLibrary(name: "CArgon2"),
    .systemLibrary(name: "CSystem"),

    .target(name: "Wire"),
    .target(name: "Accounts"),
    .target(name: "Threads", dependencies: ["CSystem"]),
    .target(name: "System", dependencies: ["CSystem"]),
    .target(
      name: "Token", dependencies: ["Wire", "Accounts", "Threads", "System", "CCrypto", "CSystem"]),
    .target(
      name: "PasswordHash",
      dependencies: ["Accounts", "Threads", "System", "CArgon2", "CSystem"]),
    .target(name: "Store", dependencies: ["Accounts", "Threads", "System", "CSQLite", "CSystem"]),
    .target(name: "FastCGI", dependencies: ["Wire", "Threads", "System", "CFastCGI", "CSystem"]),
    .target(
      name: "Endpoint",
      dependencies: ["Wire", "Accounts", "Threads", "Token", "FastCGI", "CSystem"]),
    .target(name: "SignIn", dependencies: ["Accounts", "Endpoint", "PasswordHash"]),
  ]
    + programs.map { program in
      .executableTarget(
        name: program.name,
        dependencies: ["Wire", "Accounts", "Token", "FastCGI", "Endpoint", "CSystem"]
          + (program.name == "tallystick" ? ["System"] : [])
          + (program.store ? ["Store"] : []) + (program.hashing ? ["PasswordHash", "SignIn"] : []))
    } + [
      .testTarget(name: "WireTests", dependencies: ["Wire"]),
      .testTarget(name: "ThreadsTests", dependencies: ["Threads"]),
      .testTarget(name: "SystemTests", dependencies: ["System"]),
      .testTarget(name: "AccountsTests", dependencies: ["Accounts"]),
      .testTarget(name: "TokenTests", dependencies: ["Token", "Wire", "Accounts"]),
      .testTarget(name: "PasswordHashTests", dependencies: ["PasswordHash", "Accounts"]),
      .testTarget(name: "StoreTests", dependencies: ["Store", "Accounts"]),
      .testTarget(name: "FastCGITests", dependencies: ["FastCGI", "Threads", "Wire"]),
      .testTarget(
        name: "EndpointTests",
        dependencies: ["Endpoint", "FastCGI", "Token", "Wire", "Accounts", "Store", "CSystem"]),
    ],
  swiftLanguageModes: [.v6]
)

for target in package.targets where target.type != .system {
  target.swiftSettings = strict
  // It runs by hand: what counts is that it stays small beside the others.
  if target.name == "tallystick" {
    target.swiftSettings = strict + [.unsafeFlags(["-Osize"], .when(configuration: .release))]
  }
}
