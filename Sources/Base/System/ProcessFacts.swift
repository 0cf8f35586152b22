// What the kernel says about this process (proc(5)): for metrics.
internal import Glibc

/// CPU, memory and descriptors of this process, now. What cannot be read is 0.
public struct ProcessFacts: Sendable {
  /// Processors that this machine has in use, at least 1.
  public static var cores: Int { max(1, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN)))) }

  public private(set) var cpuMicroseconds: Int64 = 0
  /// Microseconds since 1970.
  public private(set) var startMicroseconds: Int64 = 0
  public private(set) var residentBytes: Int64 = 0
  public private(set) var virtualBytes: Int64 = 0
  public private(set) var openDescriptors = 0
  public private(set) var mostDescriptors = 0
  public private(set) var threads = 0

  public init() {
    let files = RealFileSystem()
    openDescriptors = (try? files.list("/proc/self/fd").count) ?? 0
    var limit = rlimit()
    if unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 {
      mostDescriptors = Int(clamping: limit.rlim_cur)
    }
    let ticksPerSecond = max(1, Int64(sysconf(Int32(_SC_CLK_TCK))))
    // Behind the name, which may hold blanks: the fields from the third on.
    let stat = Self.text("/proc/self/stat")
    let fields = stat[(stat.lastIndex(of: ")") ?? stat.startIndex)...]
      .split(separator: " ").dropFirst().map { Int64($0) ?? 0 }
    if fields.count > 21 {
      cpuMicroseconds = (fields[11] + fields[12]) * (1_000_000 / ticksPerSecond)
      threads = Int(fields[17])
      virtualBytes = fields[20]
      residentBytes = fields[21] * Int64(sysconf(Int32(_SC_PAGESIZE)))
      let boot = Self.text("/proc/stat").split(separator: "\n").first { $0.hasPrefix("btime ") }
      let bootSeconds = boot.flatMap { Int64($0.dropFirst("btime ".count)) } ?? 0
      startMicroseconds =
        bootSeconds * 1_000_000 + fields[19] * (1_000_000 / ticksPerSecond)
    }
  }

  /// A file of /proc, which says nothing of its size.
  private static func text(_ path: String) -> String {
    guard let file = try? RealFileSystem().open(path, .read) else { return "" }
    var buffer = [UInt8](repeating: 0, count: 65_536)
    var text: [UInt8] = []
    while let count = try? file.read(into: &buffer, buffer.indices, at: text.count), count > 0 {
      text += buffer[..<count]
    }
    return String(repairing: text.span)
  }
}
