/// A moment: microseconds since 1970-01-01 00:00:00 UTC.
public struct Timestamp: Comparable, Hashable, Sendable {
  public let microseconds: Int64
  public init(microseconds: Int64) { self.microseconds = microseconds }
  public static func < (a: Self, b: Self) -> Bool { a.microseconds < b.microseconds }
}
