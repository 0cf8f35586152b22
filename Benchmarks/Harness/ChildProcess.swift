// Other programs: where they are, starting them, reading what they print, their time and memory,
// ending them.
import Base
import Glibc

enum Tools {
  /// The full path of a program; nil when it is not installed.
  static func find(_ name: String) -> String? {
    let path = getenv("PATH").map { String(cString: $0) } ?? ""
    let folders = path.split(separator: ":").map(String.init) + ["/usr/sbin", "/usr/local/sbin"]
    return folders.map { "\($0)/\(name)" }.first { access($0, X_OK) == 0 }
  }

  /// The server's binary: DAYBOOK_BINARY, else beside this program.
  static func daybook() -> String? {
    if let set = getenv("DAYBOOK_BINARY") { return String(cString: set) }
    let path = folderOfSelf + "/daybook"
    return access(path, X_OK) == 0 ? path : nil
  }

  static var myself: String {
    var buffer = [CChar](repeating: 0, count: 4096)
    let count = readlink("/proc/self/exe", &buffer, buffer.count - 1)
    return String(
      decoding: buffer.prefix(max(0, count)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  private static var folderOfSelf: String {
    myself.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/")
  }
}

/// A program that was started. It ends when this value goes, or when this program does.
final class ChildProcess {
  let pid: pid_t
  private let output: Int32
  private var text = ""
  private var hasEnded = false

  /// - Parameter arguments: the program's full path first. Standard output and errors are read.
  init(_ arguments: [String], environment: [String] = []) throws {
    var ends: [Int32] = [0, 0]
    guard pipe(&ends) == 0 else { throw BenchmarkError("no pipe: error \(errno)") }
    _ = fcntl(ends[0], F_SETFD, FD_CLOEXEC)
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_adddup2(&actions, ends[1], 1)
    posix_spawn_file_actions_adddup2(&actions, ends[1], 2)
    posix_spawn_file_actions_addclose(&actions, ends[1])
    let guardian = Tools.find("setpriv").map { [$0, "--pdeathsig", "KILL", "--"] } ?? []
    let command = guardian + arguments
    var inherited: [String] = []
    var entry = environ
    while let text = entry.pointee {
      inherited.append(String(cString: text))
      entry += 1
    }
    var started: pid_t = 0
    var argv = command.map { strdup($0) } + [nil]
    var envp = (inherited + environment).map { strdup($0) } + [nil]
    defer { for text in argv + envp { free(text) } }
    let code = posix_spawn(&started, command[0], &actions, nil, &argv, &envp)
    close(ends[1])
    guard code == 0 else {
      close(ends[0])
      throw BenchmarkError("cannot start \(arguments[0]): error \(code)")
    }
    pid = started
    output = ends[0]
  }

  deinit {
    if !hasEnded { stop() }
    close(output)
  }

  /// Reads until a line holds `mark`.
  /// - Returns: what follows it on that line.
  func wait(for mark: String, seconds: Int) throws -> String {
    let deadline = SystemMonotonicClock().now.advanced(seconds: seconds)
    while true {
      for line in text.split(separator: "\n", omittingEmptySubsequences: false).dropLast() {
        if let found = Self.rest(of: line, after: mark) { return found }
      }
      let left = deadline.nanoseconds(since: SystemMonotonicClock().now) / 1_000_000
      guard left > 0, try read(milliseconds: Int32(left)) else {
        throw BenchmarkError("the program did not say \"\(mark)\"; it said:\n\(text.suffix(2000))")
      }
    }
  }

  private static func rest(of line: Substring, after mark: String) -> String? {
    var rest = line
    while !rest.isEmpty {
      if rest.hasPrefix(mark) { return String(rest.dropFirst(mark.count)) }
      rest = rest.dropFirst()
    }
    return nil
  }

  /// Waits for the end of the program.
  /// - Parameter whileRunning: called at least every `pollMilliseconds`.
  /// - Returns: everything it printed.
  func finish(
    seconds: Int = 600, pollMilliseconds: Int64 = .max, whileRunning: () -> Void = {}
  ) throws -> String {
    let deadline = SystemMonotonicClock().now.advanced(seconds: seconds)
    while true {
      let left = deadline.nanoseconds(since: SystemMonotonicClock().now) / 1_000_000
      guard left > 0 else { throw BenchmarkError("the program did not end:\n\(text.suffix(2000))") }
      whileRunning()
      if try !read(milliseconds: Int32(min(left, pollMilliseconds))) { break }
    }
    var status: Int32 = 0
    waitpid(pid, &status, 0)
    hasEnded = true
    guard status == 0 else { throw BenchmarkError("the program failed:\n\(text.suffix(2000))") }
    return text
  }

  /// - Returns: false at the end of the output.
  private func read(milliseconds: Int32) throws -> Bool {
    var waiting = pollfd(fd: output, events: Int16(POLLIN), revents: 0)
    if poll(&waiting, 1, milliseconds) <= 0 { return true }
    var buffer = [UInt8](repeating: 0, count: 65_536)
    let count = Glibc.read(output, &buffer, buffer.count)
    if count <= 0 { return false }
    text += String(decoding: buffer.prefix(count), as: UTF8.self)
    return true
  }

  /// SIGTERM, then SIGKILL when the program is not gone within 10 s.
  func stop() {
    guard !hasEnded else { return }
    hasEnded = true
    kill(pid, SIGTERM)
    for _ in 0..<1000 {
      var status: Int32 = 0
      if waitpid(pid, &status, WNOHANG) != 0 { return }
      usleep(10_000)
    }
    kill(pid, SIGKILL)
    var status: Int32 = 0
    waitpid(pid, &status, 0)
  }

  /// User and system time of the program and its children that live, in microseconds.
  var cpuMicroseconds: Double {
    let ticks = Self.family(of: pid).compactMap { Self.statistics($0) }.reduce(0) {
      $0 + (Double($1[11]) ?? 0) + (Double($1[12]) ?? 0)
    }
    return ticks * 1_000_000 / Double(sysconf(Int32(_SC_CLK_TCK)))
  }

  /// Resident bytes of the program and its children.
  var residentBytes: Int {
    Self.family(of: pid).compactMap { Self.statistics($0).flatMap { Int($0[21]) } }
      .reduce(0, +) * sysconf(Int32(_SC_PAGESIZE))
  }

  /// The greatest RSS the program has had, without its children; 0 when it is gone.
  var peakResidentBytes: Int { ProcessMemory.of(pid, "VmHWM:") }

  /// Fields of /proc/PID/stat from the state on.
  private static func statistics(_ pid: pid_t) -> [Substring]? {
    guard let file = fopen("/proc/\(pid)/stat", "r") else { return nil }
    defer { fclose(file) }
    var buffer = [UInt8](repeating: 0, count: 2048)
    let count = fread(&buffer, 1, buffer.count, file)
    let text = String(decoding: buffer.prefix(count), as: UTF8.self)
    guard let end = text.lastIndex(of: ")") else { return nil }
    let fields = text[text.index(end, offsetBy: 2)...].split(separator: " ")
    return fields.count > 30 ? fields : nil
  }

  private static func family(of pid: pid_t) -> [pid_t] {
    let all = ((try? RealFileSystem().list("/proc")) ?? []).compactMap { pid_t($0) }
    return [pid] + all.filter { statistics($0).flatMap { pid_t($0[1]) } == pid }
  }
}
