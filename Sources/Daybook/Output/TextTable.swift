// Aligned columns for people. Numbers to the right; wide characters count as two.
import Foundation

struct TextTable {
  private let header: [String]
  private var rows: [[String]] = []

  init(_ header: [String]) { self.header = header }

  mutating func add(_ row: [String]) { rows.append(row) }
  var isEmpty: Bool { rows.isEmpty }

  /// The table with a line for the header, each line ended.
  var text: String {
    let widths = header.indices.map { column in
      ([header] + rows).map { Self.width($0[column]) }.max() ?? 0
    }
    let isNumber = header.indices.map { column in
      !rows.isEmpty && rows.allSatisfy { Self.looksLikeNumber($0[column]) }
    }
    return ([header] + rows).map { row in
      var line = ""
      for (column, cell) in row.enumerated() {
        let gap = String(repeating: " ", count: widths[column] - Self.width(cell))
        line += isNumber[column] ? gap + cell : cell + gap
        line += "  "
      }
      while line.last == " " { line.removeLast() }
      return line + "\n"
    }.joined()
  }

  private static func looksLikeNumber(_ cell: String) -> Bool {
    if cell == "-" || cell.isEmpty { return true }
    var digits = Substring(cell)
    if digits.hasPrefix("-") { digits = digits.dropFirst() }
    if digits.hasPrefix("$") { digits = digits.dropFirst() }
    return !digits.isEmpty && digits.utf8.allSatisfy { ($0 >= 48 && $0 <= 57) || $0 == 46 }
  }

  /// Columns on a terminal: East Asian wide characters take two.
  static func width(_ text: String) -> Int {
    text.unicodeScalars.reduce(0) { sum, scalar in
      switch scalar.value {
      case 0x1100...0x115F, 0x2E80...0xA4CF, 0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE30...0xFE6F,
        0xFF00...0xFF60, 0xFFE0...0xFFE6, 0x1F300...0x1FAFF, 0x20000...0x3FFFD:
        sum + 2
      case 0x300...0x36F, 0x200B...0x200F: sum
      default: sum + 1
      }
    }
  }
}
