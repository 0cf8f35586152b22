/// A local calendar day: days since 1970-01-01 in some stated zone.
public struct DayNumber: Comparable, Hashable, Sendable {
  public let value: Int32
  public init(_ value: Int32) { self.value = value }
  public static func < (a: Self, b: Self) -> Bool { a.value < b.value }
}
