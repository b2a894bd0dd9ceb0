// swift-tools-version: 6.2
import PackageDescription

let strict: [SwiftSetting] = [
  .strictMemorySafety(),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
]

// What a program imports is what it may do; `tools/linkage` holds the programs to the libraries
// behind that.
let keys = ["Configuration", "Launch", "Routes", "Token"]
let store = keys + ["Accounts", "Stores"]
let passwords = store + ["Authentication", "Logging", "PasswordLogin"]
let programs: [(name: String, imports: [String])] = [
  ("register", passwords), ("login", passwords), ("password", passwords),
  ("refresh", store + ["Authentication", "Logging"]),
  ("logout", store + ["Logging"]),
  ("revoke", store + ["Authentication", "Logging"]),
  ("me", store + ["Authentication", "Wire"]),
  ("sessions", store + ["Authentication", "Logging"]),
  ("devices", store + ["Authentication", "Logging"]),
  ("check", store + ["Authentication", "AuthRequest"]),
  ("health", keys + ["Accounts", "Stores"]),
  ("jwks", keys),
  ("handover", store + ["Authentication", "Gate", "GateRoutes", "Logging", "Wire"]),
  ("enter", ["Configuration", "GateRoutes", "Launch", "Routes"]),
  ("land", store + ["GateRoutes"]),
  (
    "tallystick",
    [
      "Accounts", "Authentication", "Configuration", "Doctor", "Launch", "Logging", "Nginx",
      "PasswordHash", "PasswordLogin", "Store", "Stores", "System", "Text", "Token", "Wire",
      "CSystem",
    ]
  ),
]

let package = Package(
  name: "tallystick",
  products: programs.map { .executable(name: $0.name, targets: [$0.name]) },
  targets: [
    .systemLibrary(name: "CFastCGI"),
    .systemLibrary(name: "CSQLite"),
    .systemLibrary(name: "CCrypto"),
    .systemLibrary(name: "CArgon2"),
    .systemLibrary(name: "CPostgreSQL"),
    .systemLibrary(name: "CSystem"),

    .target(name: "Text"),
    .target(name: "Nginx"),
    .target(name: "Wire", dependencies: ["Text"]),
    .target(name: "Accounts", dependencies: ["Text"]),
    .target(name: "Threads", dependencies: ["CSystem"]),
    .target(name: "System", dependencies: ["CSystem"]),
    .target(
      name: "Token",
      dependencies: ["Accounts", "System", "Text", "Threads", "Wire", "CCrypto", "CSystem"]),
    .target(
      name: "PasswordHash",
      dependencies: ["Accounts", "System", "Text", "Threads", "CArgon2", "CSystem"]),
    .target(name: "Store", dependencies: ["Accounts", "Threads", "System", "CSQLite", "CSystem"]),
    .target(name: "PostgreSQL", dependencies: ["Accounts", "Threads", "CPostgreSQL"]),
    .target(
      name: "FastCGI",
      dependencies: ["System", "Text", "Threads", "CFastCGI", "CSystem"]),
    .target(name: "Configuration", dependencies: ["Text"]),
    .target(name: "Stores", dependencies: ["Accounts", "Configuration", "PostgreSQL", "Store"]),
    .target(
      name: "Logging",
      dependencies: ["Accounts", "Configuration", "System", "Threads", "Wire", "CSystem"]),
    .target(
      name: "Launch",
      dependencies: ["Accounts", "Configuration", "System", "CSystem"]),
    .target(name: "Doctor", dependencies: ["Accounts", "Configuration", "Nginx", "Text"]),
    .target(
      name: "Authentication", dependencies: ["Accounts", "Configuration", "Token", "CSystem"]),
    .target(name: "Gate", dependencies: ["FastCGI", "Wire"]),
    .target(
      name: "PasswordLogin", dependencies: ["Accounts", "Configuration", "PasswordHash"]),
    .target(
      name: "Routes",
      dependencies: [
        "Accounts", "Authentication", "Configuration", "FastCGI", "Launch", "Logging", "Text",
        "Threads", "Token", "Wire",
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
        name: program.name, dependencies: program.imports.map { .init(stringLiteral: $0) })
    } + [
      .testTarget(name: "WireTests", dependencies: ["Wire"]),
      .testTarget(name: "NginxTests", dependencies: ["Nginx"]),
      .testTarget(
        name: "DoctorTests", dependencies: ["Accounts", "Configuration", "Doctor", "Nginx"]),
      .testTarget(name: "ThreadsTests", dependencies: ["Threads"]),
      .testTarget(name: "SystemTests", dependencies: ["System"]),
      .testTarget(name: "AccountsTests", dependencies: ["Accounts"]),
      .testTarget(name: "TokenTests", dependencies: ["Token", "Threads", "Wire", "Accounts"]),
      .testTarget(name: "PasswordHashTests", dependencies: ["PasswordHash", "Accounts"]),
      .testTarget(name: "StoreTests", dependencies: ["Store", "PostgreSQL", "Accounts"]),
      .testTarget(name: "GateTests", dependencies: ["FastCGI", "Gate"]),
      .testTarget(name: "FastCGITests", dependencies: ["FastCGI", "System", "Threads", "CSystem"]),
      .testTarget(name: "ConfigurationTests", dependencies: ["Configuration"]),
      .testTarget(name: "LoggingTests", dependencies: ["Logging"]),
      .testTarget(
        name: "AuthenticationTests",
        dependencies: ["Accounts", "Authentication", "Configuration", "Token"]),
      .testTarget(name: "RouteTests", dependencies: ["Configuration", "FastCGI", "Routes"]),
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
  // What runs by hand, or waits for a server: what counts is that it stays small beside the others.
  if ["tallystick", "Doctor", "Nginx", "PostgreSQL"].contains(target.name) {
    target.swiftSettings = strict + [.unsafeFlags(["-Osize"], .when(configuration: .release))]
  }
}
