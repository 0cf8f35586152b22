// What `daybook serve` is told, and where its configuration comes from.
import Base
import Foundation
import Gateway
import Ledger
import Projections

struct ServeOptions {
  let directory: String
  /// Absolute path of the configuration file; nil = what the ledger recorded last.
  let configurationPath: String?
  /// Overrides the configuration's address.
  let listen: HostPort?
  let acceptsClock: Bool

  init(_ invocation: Invocation) throws(UsageError) {
    directory = invocation.dataDirectory
    configurationPath = invocation.parsed.values["config"].map(Invocation.absolute)
    acceptsClock = invocation.parsed.flags.contains("accept-clock")
    listen = try invocation.parsed.values["listen"].map { text throws(UsageError) in
      guard let address = HostPort(text) else {
        throw UsageError("--listen must be HOST:PORT, for example 127.0.0.1:8080, not \"\(text)\"")
      }
      return address
    }
  }

  /// The configuration file, read and checked; nil without a file.
  func readFile() throws -> Configuration? {
    guard let path = configurationPath else { return nil }
    return try Configuration(
      parsing: try Self.read(path), file: path,
      folder: URL(fileURLWithPath: path).deletingLastPathComponent().path)
  }

  /// The prices a configuration names: its file, or the built-in book.
  static func prices(of configuration: Configuration) throws -> PriceImport {
    guard let path = configuration.pricesPath else { return .builtIn() }
    return try PriceImport(file: path, bytes: try read(path))
  }

  static func read(_ path: String) throws -> [UInt8] {
    do {
      return try RealFileSystem().readFile(path)
    } catch {
      throw ConfigurationError(file: path, reason: "cannot be read: \(error)")
    }
  }

  static var surroundings: Credentials.Surroundings {
    Credentials.Surroundings(
      environment: { ProcessInfo.processInfo.environment[$0] },
      readFile: { try RealFileSystem().readFile($0) })
  }
}
