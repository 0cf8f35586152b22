// The history of a time zone's offsets, asked of the C library once and kept as a table.
//
// glibc knows one zone per process, the one of TZ. It is set, asked and put back under a lock, so
// that afterwards any number of zones are plain values. Other threads must not read or change the
// environment meanwhile: zones are made while the program starts.
internal import Glibc
internal import Synchronization

/// From `start` on (seconds since 1970 UTC), local time is UTC + `offset` seconds.
struct ZonePeriod: Hashable, Sendable {
  let start: Int64
  let offset: Int32
}

enum ZoneOffsets {
  static let directory = "/usr/share/zoneinfo"

  /// Whether a compiled zone of this name is installed. The name must have been tested for its
  /// characters.
  static func isInstalled(_ name: String) -> Bool {
    guard let file = unsafe fopen("\(directory)/\(name)", "re") else { return false }
    defer { unsafe fclose(file) }
    var magic: [UInt8] = [0, 0, 0, 0]
    let count = unsafe fread(&magic, 1, 4, file)
    return count == 4 && magic == Array("TZif".utf8)
  }

  /// The periods of an installed zone between two times; the first one starts at `from`.
  static func periods(ofZone name: String, from: Int64, to: Int64) -> [ZonePeriod] {
    environment.withLock { _ in
      let before = unsafe getenv("TZ").map { unsafe String(cString: $0) }
      unsafe setenv("TZ", ":\(directory)/\(name)", 1)
      tzset()
      defer {
        if let before { unsafe setenv("TZ", before, 1) } else { unsafe unsetenv("TZ") }
        tzset()
      }
      return collect(from: from, to: to)
    }
  }

  private static let environment = Mutex(())

  /// Zones change their offset at most once a day; each change is narrowed down to its second.
  private static func collect(from: Int64, to: Int64) -> [ZonePeriod] {
    var periods = [ZonePeriod(start: from, offset: offset(at: from))]
    var last = from
    while last < to {
      let next = min(last + 86_400, to)
      let now = offset(at: next)
      if now != periods[periods.count - 1].offset {
        var before = last
        var after = next
        while after - before > 1 {
          let middle = (before + after) / 2
          if offset(at: middle) == periods[periods.count - 1].offset {
            before = middle
          } else {
            after = middle
          }
        }
        periods.append(ZonePeriod(start: after, offset: now))
      }
      last = next
    }
    return periods
  }

  private static func offset(at seconds: Int64) -> Int32 {
    var time = time_t(seconds)
    var parts = unsafe tm()
    return unsafe localtime_r(&time, &parts) == nil ? 0 : Int32(truncatingIfNeeded: parts.tm_gmtoff)
  }
}
