// The Date field (RFC 9110 section 6.6.1), made once a second per reactor.

import Glibc

struct DateHeader {
  private var second = 0
  private var line: [UInt8] = []

  /// "date: Sun, 06 Nov 1994 08:49:37 GMT\r\n" of the present second.
  mutating func bytes() -> [UInt8] {
    let now = time(nil)
    if now != second || line.isEmpty {
      second = now
      line = Self.make(now)
    }
    return line
  }
  /// The line for a Unix time in seconds.
  static func make(_ seconds: Int) -> [UInt8] {
    var seconds = seconds
    var t = unsafe tm()
    unsafe gmtime_r(&seconds, &t)
    func two(_ n: Int32) -> String { n < 10 ? "0\(n)" : "\(n)" }
    let days = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
    let months = [
      "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]
    let day = unsafe two(t.tm_mday)
    let date = unsafe "\(days[Int(t.tm_wday)]), \(day) \(months[Int(t.tm_mon)]) \(t.tm_year + 1900)"
    let clock = unsafe "\(two(t.tm_hour)):\(two(t.tm_min)):\(two(t.tm_sec))"
    return Array("date: \(date) \(clock) GMT\r\n".utf8)
  }
}
