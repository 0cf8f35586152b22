// swift-tools-version:6.2
// The targets of Daybook. Dependencies go one way:
// Daybook -> Gateway -> Projections -> Ledger -> Base, and Gateway, Sandbox -> HTTP -> Base.
import PackageDescription

let strict: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .strictMemorySafety(),
  .treatAllWarnings(as: .error),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
  .enableExperimentalFeature("Lifetimes"),
]
/// Tests and benchmarks: the same, but macros of Swift Testing are not strictly memory safe.
let relaxed: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .treatAllWarnings(as: .error),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
  .enableExperimentalFeature("Lifetimes"),
]

func code(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .target(name: name, dependencies: dependencies, swiftSettings: strict)
}
func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .testTarget(name: name, dependencies: dependencies + ["TestSupport"], swiftSettings: relaxed)
}

var targets: [Target] = [
  .systemLibrary(
    name: "CSQLite", pkgConfig: "sqlite3", providers: [.apt(["libsqlite3-dev"])]),
  .systemLibrary(
    name: "CCurl", pkgConfig: "libcurl", providers: [.apt(["libcurl4-openssl-dev"])]),
  .systemLibrary(name: "CLZ4", pkgConfig: "liblz4", providers: [.apt(["liblz4-dev"])]),
  .systemLibrary(name: "CCrypto", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
  .systemLibrary(name: "CLinux"),
  .target(name: "CPrices"),
  code("Base", ["CLinux"]),
  code("Ledger", ["Base", "CLZ4", "CCrypto"]),
  code("Projections", ["Ledger", "Base", "CSQLite", "CPrices"]),
  code("HTTP", ["Base", "CCurl", "CLinux"]),
  code("Gateway", ["HTTP", "Projections", "Ledger", "Base", "CCrypto"]),
  code("Sandbox", ["HTTP", "Base"]),
  .executableTarget(
    name: "daybook",
    dependencies: ["Gateway", "Sandbox", "HTTP", "Projections", "Ledger", "Base"],
    path: "Sources/Daybook", swiftSettings: strict),
  .executableTarget(
    name: "Benchmarks",
    dependencies: [
      "Gateway", "Sandbox", "HTTP", "Projections", "Ledger", "Base", "CSQLite", "CLZ4", "CLinux",
    ],
    path: "Benchmarks", swiftSettings: relaxed),
  .target(
    name: "TestSupport", dependencies: ["Projections", "Ledger", "Base"],
    path: "Tests/TestSupport", swiftSettings: relaxed),
  .target(
    name: "Simulation", dependencies: ["TestSupport", "Projections", "Ledger", "Base"],
    path: "Tests/Simulation", swiftSettings: relaxed),
  .executableTarget(
    name: "Simulator", dependencies: ["Simulation", "Base"], path: "Tests/Simulator",
    swiftSettings: relaxed),
  tests("BaseTests", ["Base"]),
  tests("LedgerTests", ["Ledger", "Base", "CLZ4"]),
  tests("ProjectionsTests", ["Projections", "Ledger", "Base"]),
  tests("HTTPTests", ["HTTP", "Base"]),
  tests("SandboxTests", ["Sandbox", "HTTP", "Base"]),
  tests("GatewayTests", ["Gateway", "Sandbox", "HTTP", "Projections", "Ledger", "Base"]),
  tests("DaybookTests", ["daybook", "Gateway", "Base"]),
  tests("EndToEndTests", ["Base"]),
  tests("SimulationTests", ["Simulation"]),
  tests("TidyTests", []),
]

// libFuzzer brings its own main: only `make fuzz` builds these (with --sanitize=fuzzer).
if Context.environment["DAYBOOK_FUZZ"] != nil {
  targets += ["RequestFuzzer", "EventFuzzer"].map { name in
    .executableTarget(
      name: name, dependencies: ["HTTP"], path: "Fuzz/\(name)", swiftSettings: relaxed)
  }
}

// scripts/mutations builds the ledger and its tests some forty times: without what stands above.
let hasOnlyLedger = Context.environment["DAYBOOK_LEDGER_ONLY"] != nil
if hasOnlyLedger {
  let above: Set<String> = [
    "CCurl", "HTTP", "Gateway", "Sandbox", "daybook", "Benchmarks", "BaseTests", "HTTPTests",
    "SandboxTests", "GatewayTests", "DaybookTests", "EndToEndTests", "TidyTests",
  ]
  targets.removeAll { above.contains($0.name) }
}

let package = Package(
  name: "Daybook",
  products: hasOnlyLedger ? [] : [.executable(name: "daybook", targets: ["daybook"])],
  targets: targets,
  cLanguageStandard: .gnu2x)
