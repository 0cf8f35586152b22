// From the words typed to an exit code.
import Foundation
import Gateway
import Glibc
import Ledger
import Projections

/// A command could not be carried out: one line for standard error, and the exit code.
struct CommandFailure: Error, Equatable {
  let text: String
  let code: ExitCode

  init(_ text: String, _ code: ExitCode = .failed) {
    self.text = text
    self.code = code
  }
}

enum ExitCode: Int32 {
  case done = 0
  case failed = 1
  case wrongUsage = 2
  case damage = 3
}

enum CommandLineTool {
  static let version = "0.1.0"

  static func run(_ words: [String]) -> ExitCode {
    // A closed pipe and a file size limit are errors of the call, not the end of the process.
    _ = signal(SIGPIPE, SIG_IGN)
    _ = signal(SIGXFSZ, SIG_IGN)
    do {
      try perform(words)
      return .done
    } catch is Console.OutputClosed {
      return .done
    } catch {
      let failure = Self.failure(error)
      Console.complain("daybook: \(failure.text)")
      return failure.code
    }
  }

  private static func perform(_ words: [String]) throws {
    let commands = CommandTable.all
    let specs = commands.map { $0.spec }
    switch try ArgumentParser(specs: specs).parse(words) {
    case .version: try Console.say("daybook \(version)")
    case .help(let words): try Console.write(try HelpText(specs: specs).text(words))
    case .command(let parsed):
      guard let command = commands.first(where: { $0.spec.name == parsed.spec.name }) else {
        preconditionFailure("the parser returns commands of the table only")
      }
      try command.run(Invocation(parsed))
    }
  }

  static func failure(_ error: any Error) -> CommandFailure {
    switch error {
    case let error as CommandFailure: return error
    case let error as UsageError: return CommandFailure(error.description, .wrongUsage)
    case let error as AdministrationError:
      switch error {
      case .usage(let text): return CommandFailure(text, .wrongUsage)
      case .damaged(let text): return CommandFailure(text, .damage)
      default: return CommandFailure(error.description)
      }
    case let error as LiveLedgerError where error.isDamage:
      return CommandFailure(error.description, .damage)
    case LedgerError.damaged: return CommandFailure("\(error)", .damage)
    default: return CommandFailure("\(error)")
    }
  }
}

/// A command as it was typed, with what every command needs.
struct Invocation {
  let parsed: ParsedCommand

  init(_ parsed: ParsedCommand) { self.parsed = parsed }

  var wantsJSON: Bool { parsed.wantsJSON }

  /// The ledger's directory, absolute.
  var dataDirectory: String {
    let stated = parsed.dataDirectory ?? ProcessInfo.processInfo.environment["DAYBOOK_DATA"]
    let path = stated.flatMap { $0.isEmpty ? nil : $0 } ?? "daybook-data"
    return Self.absolute(path)
  }

  /// A path as seen from the working directory, without `.` and `..` inside.
  static func absolute(_ path: String) -> String {
    URL(fileURLWithPath: path).standardizedFileURL.path
  }

  /// Values of options and positional parameters as arguments of a verb: names in snake_case.
  func arguments(_ positional: [String] = []) -> [(name: String, value: String)] {
    zip(positional, parsed.arguments).map { ($0, $1) }
      + parsed.spec.options.compactMap { option in
        parsed.values[option.name].map { (option.name.replacing("-", with: "_"), $0) }
      }
  }

  /// The value of an option as a whole number.
  func integer(_ option: String, in range: ClosedRange<Int>) throws(UsageError) -> Int? {
    guard let text = parsed.values[option] else { return nil }
    guard let value = Int(text), range.contains(value) else {
      throw UsageError(
        "--\(option) must be a whole number from \(range.lowerBound) to \(range.upperBound), "
          + "not \"\(text)\"")
    }
    return value
  }
}

/// A command of the table: what it takes and what it does.
struct Command {
  let spec: CommandSpec
  let run: @Sendable (Invocation) throws -> Void

  init(_ spec: CommandSpec, _ run: @escaping @Sendable (Invocation) throws -> Void) {
    self.spec = spec
    self.run = run
  }
}
