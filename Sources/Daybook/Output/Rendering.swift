// From the JSON answer of a command to text for people: a table of a list, lines of an object.
import Base

enum Rendering {
  /// A column: title, key of the JSON object.
  struct Column {
    let title: String
    let key: String
    init(_ title: String, _ key: String) {
      self.title = title
      self.key = key
    }
  }

  /// A list of objects as a table; `empty` when there are none.
  static func table(_ answer: JSONValue, _ columns: [Column], empty: String) -> String {
    let rows = answer.array ?? []
    guard !rows.isEmpty else { return empty + "\n" }
    var table = TextTable(columns.map(\.title))
    for row in rows { table.add(columns.map { cell(row[$0.key], key: $0.key) }) }
    return table.text
  }

  /// An object as lines `name  value`; objects inside it are indented.
  static func lines(_ answer: JSONValue, indent: String = "") -> String {
    guard let object = answer.object else { return cell(answer, key: "") + "\n" }
    let width = object.members.map { TextTable.width(title($0.name)) }.max() ?? 0
    return object.members.map { member in
      let name = title(member.name)
      if case .object = member.value {
        return "\(indent)\(name)\n" + lines(member.value, indent: indent + "  ")
      }
      let gap = String(repeating: " ", count: width - TextTable.width(name) + 2)
      return "\(indent)\(name)\(gap)\(cell(member.value, key: member.name))\n"
    }.joined()
  }

  private static func title(_ key: String) -> String {
    var words = key.hasSuffix("_usd") ? String(key.dropLast(4)) : key
    words = words.replacing("_", with: " ")
    return words
  }

  /// One value: money with $, times without fractions, nothing as `-`.
  static func cell(_ value: JSONValue?, key: String) -> String {
    switch value {
    case nil, .null: return "-"
    case .bool(let flag): return flag ? "yes" : "no"
    case .number(let text): return isMoney(key) ? money(text) : text
    case .string(let text):
      if text.isEmpty { return "-" }
      if isMoney(key) { return money(text) }
      if let time = Timestamp(text: text) { return time.text(fraction: .none) }
      return printable(text)
    case .array(let elements):
      return elements.isEmpty
        ? "-" : elements.map { cell($0, key: key) }.joined(separator: ", ")
    case .object(let object):
      return object.members.isEmpty
        ? "-"
        : object.members.map { "\($0.name)=\(cell($0.value, key: $0.name))" }
          .joined(separator: " ")
    }
  }

  /// Keys of amounts; those of GET /v1/usage do not say so themselves.
  private static func isMoney(_ key: String) -> Bool {
    key.hasSuffix("_usd")
      || ["remaining", "balance", "held", "cost", "actual_cost", "limit", "used"].contains(key)
  }

  static func money(_ text: String) -> String {
    text.hasPrefix("-") ? "-$" + text.dropFirst() : "$" + text
  }

  /// Control characters would move the cursor: they show as escapes.
  private static func printable(_ text: String) -> String {
    guard text.unicodeScalars.contains(where: { isControl($0) }) else { return text }
    return text.unicodeScalars.map {
      isControl($0) ? "\\u{\(String($0.value, radix: 16))}" : String($0)
    }.joined()
  }
  private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
    scalar.value < 32 || (127...159).contains(scalar.value) || scalar.value == 0x2028
      || scalar.value == 0x2029
  }
}
