// What the kernel says of a process's memory.
import Glibc

enum ProcessMemory {
  /// Bytes of a line of /proc/PID/status, `VmRSS:` or `VmHWM:`; 0 when the process is gone.
  static func of(_ pid: pid_t, _ line: String) -> Int {
    guard let file = fopen("/proc/\(pid)/status", "r") else { return 0 }
    defer { fclose(file) }
    var buffer = [UInt8](repeating: 0, count: 8192)
    let count = fread(&buffer, 1, buffer.count, file)
    let text = String(decoding: buffer.prefix(count), as: UTF8.self)
    for found in text.split(separator: "\n") where found.hasPrefix(line) {
      let digits = found.filter { $0.isNumber }
      return (Int(digits) ?? 0) << 10
    }
    return 0
  }
}
