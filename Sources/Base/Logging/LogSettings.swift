// What is logged, and how: levels, areas, formats.

/// How much a line matters. An area shows its own level and everything more serious.
public enum LogLevel: String, CaseIterable, Comparable, Sendable {
  /// As a level of an area: nothing at all. No line has it.
  case off
  case error, warn, info, debug

  var rank: UInt64 {
    switch self {
    case .off: 0
    case .error: 1
    case .warn: 2
    case .info: 3
    case .debug: 4
    }
  }
  /// The less serious, the greater.
  public static func < (a: Self, b: Self) -> Bool { a.rank < b.rank }
}

/// How a line is written.
public enum LogFormat: String, CaseIterable, Sendable {
  /// `TIME LEVEL AREA MESSAGE key=value ...`
  case text
  /// One JSON object.
  case json
}

/// A part of the program with a level of its own.
public struct LogArea: Hashable, Sendable {
  /// Its place among all areas: 0 ..< `greatestCount`, each once.
  public let index: Int
  public let name: String

  public static let greatestCount = 15

  public init(_ index: Int, _ name: String) {
    precondition((0..<Self.greatestCount).contains(index), "there are at most 15 areas")
    self.index = index
    self.name = name
  }
}

/// What is logged, and how.
public struct LogSettings: Equatable, Sendable {
  public var format = LogFormat.text
  public var level = LogLevel.info
  /// Levels of single areas, by the area's name.
  public var levels: [String: LogLevel] = [:]
  public init() {}

  func level(of area: LogArea) -> LogLevel { levels[area.name] ?? level }
}
