// How many wrong tokens each address has sent of late. After so many it has to wait, whatever it
// sends then; other addresses are not held up. Bounded: when it is full, the address whose time is
// up first is forgotten.
import Base

struct AttemptTable {
  /// Wrong tokens an address may send in `windowSeconds`.
  static let greatestFailures = 10
  static let windowSeconds = 60
  /// Addresses remembered at a time.
  static let limit = 4096

  private struct Entry {
    var failures: Int
    /// When its failures are forgotten.
    let end: MonotonicTime
  }
  private var entries: [InternetAddress: Entry] = [:]

  var count: Int { entries.count }

  /// Seconds an address has to wait before it may try a token; nil when it need not.
  func secondsToWait(_ address: InternetAddress, now: MonotonicTime) -> Int? {
    guard let entry = entries[Self.network(address)], entry.failures >= Self.greatestFailures,
      entry.end > now
    else { return nil }
    return Int((entry.end.nanoseconds(since: now) + 999_999_999) / 1_000_000_000)
  }

  mutating func noteFailure(_ address: InternetAddress, now: MonotonicTime) {
    let network = Self.network(address)
    if let entry = entries[network], entry.end > now {
      entries[network]?.failures += 1
      return
    }
    if entries[network] == nil, entries.count >= Self.limit { makeRoom(now) }
    entries[network] = Entry(failures: 1, end: now.advanced(seconds: Self.windowSeconds))
  }

  private mutating func makeRoom(_ now: MonotonicTime) {
    entries = entries.filter { $0.value.end > now }
    guard entries.count >= Self.limit else { return }
    if let first = entries.min(by: { $0.value.end < $1.value.end }) { entries[first.key] = nil }
  }

  /// One host of IPv6 has a whole /64 to choose its addresses from.
  private static func network(_ address: InternetAddress) -> InternetAddress {
    if address.isIPv4 { return address }
    return InternetAddress(bytes: address.bytes.prefix(8) + [UInt8](repeating: 0, count: 8))
      ?? address
  }
}
