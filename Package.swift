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
  ("health", true, false), ("jwks", false, false), ("handover", true, false),
  ("enter", false, false), ("land", true, false), ("tallystick", true, true),
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
    .target(name: "Nginx"),
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
    .target(name: "Configuration", dependencies: ["Accounts"]),
    .target(
      name: "Logging", dependencies: ["Configuration", "FastCGI", "Threads", "Wire", "CSystem"]),
    .target(name: "Launch", dependencies: ["Accounts", "Configuration", "FastCGI", "CSystem"]),
    .target(name: "Doctor", dependencies: ["Configuration", "Nginx"]),
    .target(
      name: "Authentication", dependencies: ["Accounts", "Configuration", "Token", "CSystem"]),
    .target(name: "Gate", dependencies: ["FastCGI"]),
    .target(
      name: "PasswordLogin", dependencies: ["Accounts", "Configuration", "PasswordHash"]),
    .target(
      name: "Routes",
      dependencies: [
        "Accounts", "Authentication", "Configuration", "FastCGI", "Launch", "Logging", "Threads",
        "Token", "Wire", "CSystem",
      ]),
    .target(
      name: "AuthRequest",
      dependencies: [
        "Accounts", "Authentication", "Configuration", "FastCGI", "Gate", "Launch", "Logging",
        "Routes", "Threads", "Token", "Wire",
      ]),
    .target(
      name: "GateRoutes",
      dependencies: [
        "Accounts", "Authentication", "Configuration", "FastCGI", "Gate", "Launch", "Logging",
        "Routes", "Token", "Wire",
      ]),
  ]
    + programs.map { program in
      .executableTarget(
        name: program.name,
        dependencies: [
          "Accounts", "Authentication", "Configuration", "Launch", "Logging", "Token", "Wire",
        ]
          + (program.name == "check" ? ["AuthRequest"] : [])
          + (["handover", "enter", "land"].contains(program.name) ? ["Gate", "GateRoutes"] : [])
          + (program.name == "tallystick"
            ? ["Doctor", "FastCGI", "Nginx", "System", "CSystem"] : [])
          + (program.name == "tallystick" ? [] : ["Routes"])
          + (program.store ? ["Store"] : [])
          + (program.hashing ? ["PasswordHash", "PasswordLogin"] : []))
    } + [
      .testTarget(name: "WireTests", dependencies: ["Wire"]),
      .testTarget(name: "NginxTests", dependencies: ["Nginx"]),
      .testTarget(name: "DoctorTests", dependencies: ["Configuration", "Doctor", "Nginx"]),
      .testTarget(name: "ThreadsTests", dependencies: ["Threads"]),
      .testTarget(name: "SystemTests", dependencies: ["System"]),
      .testTarget(name: "AccountsTests", dependencies: ["Accounts"]),
      .testTarget(name: "TokenTests", dependencies: ["Token", "Wire", "Accounts"]),
      .testTarget(name: "PasswordHashTests", dependencies: ["PasswordHash", "Accounts"]),
      .testTarget(name: "StoreTests", dependencies: ["Store", "Accounts"]),
      .testTarget(name: "FastCGITests", dependencies: ["FastCGI", "Threads", "Wire"]),
      .testTarget(name: "GateTests", dependencies: ["FastCGI", "Gate"]),
      .testTarget(name: "ConfigurationTests", dependencies: ["Configuration"]),
      .testTarget(name: "LoggingTests", dependencies: ["Logging"]),
      .testTarget(
        name: "AuthenticationTests",
        dependencies: ["Accounts", "Authentication", "Configuration", "Token"]),
      .testTarget(
        name: "RouteTests",
        dependencies: [
          "Accounts", "Authentication", "Configuration", "FastCGI", "Logging", "Routes", "Token",
          "Wire",
        ]),
      .testTarget(
        name: "AuthRequestTests",
        dependencies: [
          "Accounts", "AuthRequest", "Authentication", "Configuration", "FastCGI", "Logging",
          "Routes", "Store", "Token", "CSystem",
        ]),
      .testTarget(
        name: "PasswordLoginTests",
        dependencies: ["Accounts", "PasswordHash", "PasswordLogin", "Store", "Threads"]),
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
