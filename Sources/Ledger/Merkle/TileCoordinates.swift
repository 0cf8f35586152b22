// Tiles of the tree, as C2SP tlog-tiles has them (https://c2sp.org/tlog-tiles): a tile of level L
// holds up to 256 neighbouring hashes of the tree's level 8 x L. Its name is its place:
//
//   tile/<L>/<N>[.p/<W>]          L 0 ... 63; N in groups of three digits, all but the last with
//   tile/entries/<N>[.p/<W>]      "x": 1234067 is x001/x234/067; W 1 ... 255 = a partial one

/// Which tile.
public struct TileCoordinates: Hashable, Sendable {
  /// Hashes of a whole tile.
  public static let greatestWidth = 256
  /// Levels of the tree in one tile.
  static let height = 8

  /// 0 ... 63; nil = a bundle of entries.
  public let level: Int?
  public let index: UInt64
  /// 1 ... 256.
  public let width: Int

  /// - Precondition: level and width are in their ranges.
  public init(level: Int?, index: UInt64, width: Int = greatestWidth) {
    precondition((0...63).contains(level ?? 0) && (1...Self.greatestWidth).contains(width))
    self.level = level
    self.index = index
    self.width = width
  }

  public var isPartial: Bool { width < Self.greatestWidth }

  /// "tile/0/x001/x234/067.p/12".
  public var path: String {
    let kind = level.map { "\($0)" } ?? "entries"
    return "tile/\(kind)/\(Self.name(of: index))" + (isPartial ? ".p/\(width)" : "")
  }

  /// "x001/x234/067".
  static func name(of index: UInt64) -> String {
    var rest = index
    var groups: [String] = []
    repeat {
      let digits = "\(rest % 1000)"
      groups.append(String(repeating: "0", count: 3 - digits.count) + digits)
      rest /= 1000
    } while rest > 0
    return groups.reversed().enumerated()
      .map { $0.offset == groups.count - 1 ? $0.element : "x" + $0.element }
      .joined(separator: "/")
  }

  /// The tile of a path such as `path` gives; nil for every other spelling.
  public init?(path: String) {
    guard path.utf8.count <= 64 else { return nil }
    var parts = path.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count >= 3, parts.removeFirst() == "tile" else { return nil }
    let kind = parts.removeFirst()
    var level: Int?
    if kind != "entries" {
      guard let number = Int(kind), (0...63).contains(number), "\(number)" == kind else {
        return nil
      }
      level = number
    }
    var width = Self.greatestWidth
    if parts.count >= 2, parts[parts.count - 2].hasSuffix(".p") {
      let text = parts.removeLast()
      guard let number = Int(text), (1..<Self.greatestWidth).contains(number),
        "\(number)" == text
      else { return nil }
      width = number
      parts[parts.count - 1] = parts[parts.count - 1].dropLast(2)
    }
    var index: UInt64 = 0
    for (place, part) in parts.enumerated() {
      let digits = place == parts.count - 1 ? part : part.dropFirst()
      guard digits.utf8.count == 3, digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
        place == parts.count - 1 || part.hasPrefix("x"), let group = UInt64(digits)
      else { return nil }
      let (product, overflow) = index.multipliedReportingOverflow(by: 1000)
      let (sum, carry) = product.addingReportingOverflow(group)
      guard !overflow, !carry else { return nil }
      index = sum
    }
    self.init(level: level, index: index, width: width)
    guard self.path == path else { return nil }
  }
}
