// A `daybook` process under test: `serve` or `sandbox`, started, awaited, stopped, killed.
//
// A test that blocks a thread of the shared pool stalls all others, so everything that blocks has
// a thread of its own here: one starts the process and waits for its end, one reads each of its
// outputs. They change `state` and resume the tests whose condition came true. The thread that
// starts the process lives as long as the process: PR_SET_PDEATHSIG ends it with the test run.

import Foundation
import Synchronization

/// How a process ended.
public enum ProcessEnd: Equatable, Sendable {
  case exited(Int32)
  case killed(signal: Int32)
}

/// The process did not do what a test waited for; carries all it said.
public struct ServerFailure: Error, CustomStringConvertible {
  public let description: String
  public init(description: String) { self.description = description }
}

public final class ServerProcess: Sendable {
  private struct State {
    var pid: pid_t?
    var output = ""
    var errors = ""
    var openOutputs = 2
    var end: ProcessEnd?
    var failure: String?
    var waiters: [Int: Waiter] = [:]
    var nextWaiter = 0

    /// Nothing more will be seen of the process.
    var isOver: Bool { failure != nil || (end != nil && openOutputs == 0) }
  }

  /// Asked after every change; returns true once it has resumed its test.
  private typealias Waiter = @Sendable (borrowing State) -> Bool

  private let state = Mutex(State())
  /// The command line, for messages.
  public let commandLine: String

  /// The release binary that `make test` names, else the one beside the tests.
  public static let binary: String = {
    if let named = ProcessInfo.processInfo.environment["DAYBOOK_BINARY"] { return named }
    return URL(filePath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
      .appending(path: "daybook").path
  }()

  /// Starts `daybook` with these arguments. It is killed when this object goes.
  /// - Parameter environment: added to the test's own; nil removes a variable.
  public init(_ arguments: [String], environment: [String: String?] = [:]) {
    commandLine = (["daybook"] + arguments).joined(separator: " ")
    var variables = ProcessInfo.processInfo.environment
    for (name, value) in environment { variables[name] = value }
    let spawning = Spawning(arguments: arguments, environment: variables)
    let thread = Thread { [weak self] in
      do {
        let started = try spawning.start()
        self?.change { $0.pid = started.pid }
        if self == nil { _ = Glibc.kill(started.pid, SIGKILL) }
        self?.read(started.output) { $0.output += $1 }
        self?.read(started.errors) { $0.errors += $1 }
        let end = Spawning.wait(for: started.pid)
        self?.change {
          $0.pid = nil
          $0.end = end
        }
      } catch {
        self?.change { $0.failure = "\(error)" }
      }
    }
    thread.start()
  }

  deinit { kill(SIGKILL) }

  // MARK: What it said

  public var output: String { state.withLock { $0.output } }
  public var errors: String { state.withLock { $0.errors } }
  public var pid: pid_t? { state.withLock { $0.pid } }

  /// Starts and waits for the line that says where it listens.
  public static func listening(
    _ arguments: [String], environment: [String: String?] = [:]
  ) async throws -> (process: ServerProcess, port: UInt16) {
    let process = ServerProcess(arguments, environment: environment)
    return (process, try await process.port())
  }

  /// The port of `listening on http://HOST:PORT`, as soon as it stands in the output.
  public func port() async throws -> UInt16 {
    try await wait(for: "`listening on http://HOST:PORT`") { state in
      guard let said = state.output.range(of: "listening on http://") else { return nil }
      let line = state.output[said.upperBound...]
      guard let end = line.firstIndex(of: "\n") else { return nil }
      let address = line[..<end].prefix { !$0.isWhitespace }
      return address.lastIndex(of: ":").flatMap { UInt16(address[address.index(after: $0)...]) }
    }
  }

  /// Waits until the standard output holds a text.
  public func said(_ text: String) async throws {
    try await wait(for: "\"\(text)\" in the output") { $0.output.contains(text) ? () : nil }
  }

  /// Waits until the standard error holds a text.
  public func complained(_ text: String) async throws {
    try await wait(for: "\"\(text)\" in the errors") { $0.errors.contains(text) ? () : nil }
  }

  // MARK: Its end

  /// Runs a command to its end, such as `daybook user add`.
  public static func run(
    _ arguments: [String], environment: [String: String?] = [:]
  ) async throws -> (end: ProcessEnd, output: String, errors: String) {
    let process = ServerProcess(arguments, environment: environment)
    let end = try await process.ended()
    return (end, process.output, process.errors)
  }

  /// Sends a signal to this process and no other; does nothing once it has ended.
  public func kill(_ signal: Int32) {
    // Under the lock: the waiting thread takes the pid away before the system may give it anew.
    state.withLock { state in
      if let pid = state.pid { _ = Glibc.kill(pid, signal) }
    }
  }

  /// Waits for the end and for all output.
  public func ended() async throws -> ProcessEnd {
    try await wait(for: "its end") { $0.openOutputs == 0 ? $0.end : nil }
  }

  /// Sends SIGTERM and waits for the end.
  public func terminate() async throws -> ProcessEnd {
    // Not before it has begun: a signal to no process would be lost.
    try await wait(for: "its start") { $0.pid != nil || $0.end != nil ? () : nil }
    kill(SIGTERM)
    return try await ended()
  }

  // MARK: Waiting

  private func wait<T: Sendable>(
    for what: String, _ condition: @escaping @Sendable (borrowing State) -> T?
  ) async throws -> T {
    let id = state.withLock { state in
      state.nextWaiter += 1
      return state.nextWaiter
    }
    let once = Once<T>()
    return try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { continuation in
        once.set(continuation)
        let waiter: Waiter = { [commandLine] state in
          if let value = condition(state) {
            once.resume(.success(value))
          } else if state.isOver || Task.isCancelled {
            let reason = state.failure ?? state.end.map { "\($0)" } ?? "cancelled"
            once.resume(
              .failure(
                ServerFailure(
                  description: """
                    \(commandLine): waited in vain for \(what): \(reason)
                    output: \(state.output)
                    errors: \(state.errors)
                    """)))
          } else {
            return false
          }
          return true
        }
        state.withLock { state in
          if !waiter(state) { state.waiters[id] = waiter }
        }
      }
    } onCancel: {
      state.withLock { _ = $0.waiters.removeValue(forKey: id) }
      once.resume(
        .failure(
          ServerFailure(
            description: """
              \(commandLine): time ran out waiting for \(what)
              output: \(output)
              errors: \(errors)
              """)))
    }
  }

  private func change(_ body: (inout sending State) -> Void) {
    state.withLock { state in
      body(&state)
      for (id, waiter) in state.waiters where waiter(state) { state.waiters[id] = nil }
    }
  }

  private func read(_ file: Int32, _ add: @escaping @Sendable (inout State, String) -> Void) {
    let thread = Thread { [weak self] in
      var undecoded: [UInt8] = []
      var buffer = [UInt8](repeating: 0, count: 65_536)
      while true {
        let count = Glibc.read(file, &buffer, buffer.count)
        if count < 0, errno == EINTR { continue }
        if count <= 0 { break }
        undecoded += buffer[..<count]
        // A character may be cut by the end of a read.
        let whole = undecoded.count - Spawning.cutCharacter(undecoded)
        let text = String(decoding: undecoded[..<whole], as: UTF8.self)
        undecoded.removeFirst(whole)
        self?.change { add(&$0, text) }
      }
      close(file)
      self?.change { $0.openOutputs -= 1 }
    }
    thread.start()
  }
}

/// Hands one result to one continuation, whoever comes first.
private final class Once<T: Sendable>: Sendable {
  private struct State {
    var continuation: CheckedContinuation<T, any Error>?
    var early: Result<T, any Error>?
    var isDone = false
  }
  private let state = Mutex(State())

  func set(_ continuation: CheckedContinuation<T, any Error>) {
    let early: Result<T, any Error>? = state.withLock { state in
      if state.early == nil { state.continuation = continuation }
      return state.early
    }
    if let early { continuation.resume(with: early) }
  }

  func resume(_ result: Result<T, any Error>) {
    let waiting: CheckedContinuation<T, any Error>? = state.withLock { state in
      if state.isDone { return nil }
      state.isDone = true
      if state.continuation == nil { state.early = result }
      return state.continuation.take()
    }
    waiting?.resume(with: result)
  }
}
