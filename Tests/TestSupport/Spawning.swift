// Starting a process with its outputs on pipes, by posix_spawn. Everything here blocks or is quick;
// ServerProcess calls it on threads of its own.

import Foundation
import Synchronization

/// The system refused to start a process.
struct SpawnError: Error, CustomStringConvertible {
  let description: String
}

/// What is to be started.
struct Spawning: Sendable {
  let arguments: [String]
  let environment: [String: String]

  struct Started {
    let pid: pid_t
    /// The reading ends of the pipes; the receiver closes them.
    let output: Int32
    let errors: Int32
  }

  /// Pipes become close-on-exec a moment after they are made: no other start may fall in between.
  private static let oneAtATime = Mutex(())

  func start() throws -> Started {
    let binary = ServerProcess.binary
    guard access(binary, X_OK) == 0 else {
      throw SpawnError(
        description:
          "no daybook binary at \(binary): run `make build`, or name it in DAYBOOK_BINARY")
    }
    // util-linux, everywhere on Debian: ends the process with the thread that started it.
    let guardian = "/usr/bin/setpriv"
    let prefix = access(guardian, X_OK) == 0 ? [guardian, "--pdeathsig", "KILL", "--"] : []
    let command = prefix + [binary] + arguments
    return try Self.oneAtATime.withLock { _ in try spawn(command) }
  }

  private func spawn(_ command: [String]) throws -> Started {
    let output = try Self.makePipe()
    let errors = try Self.makePipe()
    defer {
      close(output.write)
      close(errors.write)
    }
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_adddup2(&actions, output.write, 1)
    posix_spawn_file_actions_adddup2(&actions, errors.write, 2)

    // The test's own threads may have signals blocked.
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var none = sigset_t()
    sigemptyset(&none)
    posix_spawnattr_setsigmask(&attributes, &none)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))

    let variables = environment.map { "\($0.key)=\($0.value)" }
    var pid: pid_t = 0
    let code = Self.withCStrings(command) { arguments in
      Self.withCStrings(variables) { variables in
        posix_spawn(&pid, command[0], &actions, &attributes, arguments, variables)
      }
    }
    guard code == 0 else {
      close(output.read)
      close(errors.read)
      throw SpawnError(
        description: "cannot start \(command[0]): \(String(cString: strerror(code)))")
    }
    return Started(pid: pid, output: output.read, errors: errors.read)
  }

  /// Blocks until the process has ended.
  static func wait(for pid: pid_t) -> ProcessEnd {
    var status: Int32 = 0
    while waitpid(pid, &status, 0) < 0, errno == EINTR {}
    let signal = status & 0x7F
    return signal == 0 ? .exited((status >> 8) & 0xFF) : .killed(signal: signal)
  }

  /// Bytes at the end that begin a UTF-8 character without ending it.
  static func cutCharacter(_ bytes: [UInt8]) -> Int {
    for back in 1...3 where back <= bytes.count {
      let byte = bytes[bytes.count - back]
      if byte & 0xC0 == 0x80 { continue }
      let length = byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : byte >= 0xC0 ? 2 : 1
      return length > back ? back : 0
    }
    return 0
  }

  private static func makePipe() throws -> (read: Int32, write: Int32) {
    var ends: [Int32] = [0, 0]
    guard pipe(&ends) == 0 else {
      throw SpawnError(description: "no pipe: \(String(cString: strerror(errno)))")
    }
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    return (ends[0], ends[1])
  }

  private static func withCStrings<R>(
    _ strings: [String], _ body: ([UnsafeMutablePointer<CChar>?]) -> R
  ) -> R {
    let copies: [UnsafeMutablePointer<CChar>?] = strings.map { strdup($0) } + [nil]
    defer { for copy in copies { free(copy) } }
    return body(copies)
  }
}
