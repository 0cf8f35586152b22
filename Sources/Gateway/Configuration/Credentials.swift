// Where credentials are, and what they are. The source (`env:NAME`, `file:PATH`) may be recorded
// and printed; the secret lives in memory only, in a type that never prints itself.

/// Where an account's credential is found.
public enum CredentialSource: Hashable, Sendable, CustomStringConvertible {
  case environment(String)
  /// Absolute path.
  case file(String)
  /// The sandbox takes any credential, so it needs none.
  case none

  /// The text of the configuration and of the ledger: `env:NAME`, `file:PATH`, `none`.
  public var description: String {
    switch self {
    case .environment(let name): "env:\(name)"
    case .file(let path): "file:\(path)"
    case .none: "none"
    }
  }
}

/// A secret that never shows itself in text, logs or dumps.
public struct Secret: Sendable, Equatable, CustomStringConvertible, CustomDebugStringConvertible,
  CustomReflectable
{
  /// The secret itself, for the header that carries it.
  public let text: String
  public init(_ text: String) { self.text = text }
  public var description: String { "(secret)" }
  public var debugDescription: String { "(secret)" }
  public var customMirror: Mirror { Mirror(self, children: [:]) }
}

/// The secrets of all accounts, by account name.
public struct Credentials: Sendable, Equatable {
  public private(set) var secrets: [String: Secret] = [:]
  public init() {}

  public subscript(account: String) -> Secret? { secrets[account] }

  /// What the outside world offers: environment and files.
  public struct Surroundings {
    /// The value of an environment variable; nil when it is not set.
    public var environment: (String) -> String?
    /// The bytes of a file, at most 1 MiB; throws when it cannot be read.
    public var readFile: (String) throws -> [UInt8]
    public init(
      environment: @escaping (String) -> String?, readFile: @escaping (String) throws -> [UInt8]
    ) {
      self.environment = environment
      self.readFile = readFile
    }
  }

  /// Finds the secrets of all accounts.
  /// - Throws: `ConfigurationError` naming the account and the missing variable or file.
  public static func resolve(
    _ configuration: Configuration, in surroundings: Surroundings
  ) throws(ConfigurationError) -> Credentials {
    var credentials = Credentials()
    for account in configuration.accounts {
      credentials.secrets[account.name] = try secret(of: account, in: surroundings)
    }
    return credentials
  }

  private static func secret(
    of account: AccountSettings, in surroundings: Surroundings
  ) throws(ConfigurationError) -> Secret {
    func fail(_ reason: String) -> ConfigurationError {
      ConfigurationError(reason: "account \"\(account.name)\": \(reason)")
    }
    var text: String
    switch account.credential {
    case .none: return Secret("none")
    case .environment(let name):
      guard let value = surroundings.environment(name) else {
        throw fail(
          "the environment variable \(name) of its credential is not set; "
            + "set it before starting, or change the account's credential")
      }
      text = value
    case .file(let path):
      do {
        let bytes = try surroundings.readFile(path)
        guard let valid = String(validating: bytes, as: UTF8.self) else {
          throw fail("its credential file \(path) is not UTF-8 text")
        }
        text = valid
      } catch let error as ConfigurationError {
        throw error
      } catch {
        throw fail("its credential file \(path) cannot be read: \(error)")
      }
    }
    while let last = text.last, last.isWhitespace { text.removeLast() }
    while let first = text.first, first.isWhitespace { text.removeFirst() }
    guard !text.isEmpty else { throw fail("its credential \(account.credential) is empty") }
    guard text.utf8.allSatisfy({ $0 > 32 && $0 < 127 }) else {
      throw fail("its credential \(account.credential) has blanks or characters outside ASCII")
    }
    return Secret(text)
  }
}

/// The configuration is refused, and nothing has changed.
public struct ConfigurationError: Error, Equatable, CustomStringConvertible {
  /// The file; nil when it came from elsewhere.
  public var file: String?
  /// The line in the file, from 1; nil when no single line is to blame.
  public var line: Int?
  /// What is wrong and what to do, one line.
  public var reason: String
  public init(file: String? = nil, line: Int? = nil, reason: String) {
    self.file = file
    self.line = line
    self.reason = reason
  }
  public var description: String {
    switch (file, line) {
    case (let file?, let line?): "\(file):\(line): \(reason)"
    case (let file?, nil): "\(file): \(reason)"
    case (nil, let line?): "line \(line): \(reason)"
    case (nil, nil): reason
    }
  }
}
