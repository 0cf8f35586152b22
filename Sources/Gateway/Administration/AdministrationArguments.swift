// The arguments of one command, as a JSON object: texts from the command line, or texts and numbers
// from a program. Every reader checks; every error names the argument and says what it takes.
import Base
import Ledger
import Projections

struct AdministrationArguments {
  private let object: JSONObject

  /// - Throws: `.usage` for a name that the command does not take.
  init(_ object: JSONObject, known: [String]) throws(AdministrationError) {
    self.object = object
    for member in object.members where !known.contains(member.name) {
      let shown = member.name.clipped(toBytes: 128)
      throw .usage(
        "unknown argument \"\(shown)\"\(NearestName.hint(member.name, among: known))")
    }
  }

  /// The text of an argument, numbers as they stand; nil when absent or null.
  func text(_ name: String) throws(AdministrationError) -> String? {
    switch object[name] {
    case nil, .null: return nil
    case .string(let text), .number(let text): return text
    default: throw .usage("\(name) must be a text or a number")
    }
  }
  func required(_ name: String) throws(AdministrationError) -> String {
    guard let text = try text(name), !text.isEmpty else { throw .usage("\(name) is missing") }
    return text
  }
  /// "" when absent.
  func reason() throws(AdministrationError) -> String {
    let reason = try text("reason") ?? ""
    try checkLine("reason", reason, longest: 1024)
    return reason
  }
  func checkLine(
    _ name: String, _ text: String, longest: Int
  ) throws(AdministrationError) {
    guard text.utf8.count <= longest else {
      throw .usage("\(name) has at most \(longest) bytes, this one has \(text.utf8.count)")
    }
    guard !text.utf8.contains(where: { $0 < 32 || $0 == 127 }) else {
      throw .usage("\(name) must not hold control characters")
    }
  }
  /// A name for something new.
  func newName(_ name: String) throws(AdministrationError) -> String? {
    guard let text = try text(name), !text.isEmpty else { return nil }
    if let problem = NameRule.problem(text) { throw .usage("\(name): \(problem)") }
    return text
  }

  func integer(
    _ name: String, in range: ClosedRange<Int64>
  ) throws(AdministrationError) -> Int64? {
    guard let text = try text(name) else { return nil }
    guard let decimal = try? DecimalText.parse(text, scale: 0), decimal.isExact,
      let value = Int64(exactly: decimal.value), range.contains(value)
    else {
      throw .usage(
        "\(name) must be a whole number from \(range.lowerBound) to \(range.upperBound), "
          + "not \"\(text)\"")
    }
    return value
  }

  /// The greatest amount that one command takes: $1,000 M.
  static let amountLimit = NanoUSD(1_000_000_000 * NanoUSD.perUSD)

  /// USD with all its digits, exactly; never rounded.
  func money(_ name: String) throws(AdministrationError) -> NanoUSD? {
    guard let text = try text(name) else { return nil }
    var digits = Substring(text)
    if digits.hasPrefix("+") { digits = digits.dropFirst() }
    guard let decimal = try? DecimalText.parse(String(digits), scale: 9) else {
      throw .usage("\(name) must be an amount of USD such as 10.25, not \"\(text)\"")
    }
    guard decimal.isExact else {
      throw .usage("\(name) has more than 9 decimals (\(text)); money is never rounded")
    }
    guard let value = Int64(exactly: decimal.value), abs(value) <= Self.amountLimit.value else {
      throw .usage("\(name) is out of range: at most 1000000000 USD, not \(text)")
    }
    return NanoUSD(value)
  }
  /// An amount above 0; `.some(nil)` for "none", nil when absent.
  func limit(_ name: String) throws(AdministrationError) -> NanoUSD?? {
    if try text(name) == "none" { return .some(nil) }
    guard let amount = try money(name) else { return nil }
    guard amount > .zero else {
      throw .usage("\(name) must be more than 0 USD; \"none\" for no limit")
    }
    return .some(amount)
  }

  /// RFC 3339 or "now"; `.some(nil)` for "none", nil when absent.
  func time(_ name: String, now: Timestamp) throws(AdministrationError) -> Timestamp?? {
    guard let text = try text(name) else { return nil }
    if text == "none" { return .some(nil) }
    if text == "now" { return .some(now) }
    guard let time = Timestamp(text: text) else {
      throw .usage(
        "\(name) must be a time such as 2027-01-31T00:00:00Z, or now, or none, not \"\(text)\"")
    }
    return .some(time)
  }

  /// Address ranges, comma-separated, in one spelling; "" for "none", nil when absent.
  func addresses(_ name: String) throws(AdministrationError) -> String? {
    guard let text = try text(name) else { return nil }
    if text == "none" || text.isEmpty { return "" }
    switch AddressRange.list(text) {
    case .success(let ranges):
      let joined = ranges.map(\.description).joined(separator: ",")
      guard joined.utf8.count <= 8192 else {
        throw .usage("\(name) has too many address ranges for one key (8192 bytes)")
      }
      return joined
    case .failure(let entry):
      throw .usage(
        "\(name): \"\(entry.text)\" is no address or range such as 192.0.2.7 or 10.0.0.0/8")
    }
  }

  func choice(_ name: String, _ known: [String]) throws(AdministrationError) -> String? {
    guard let text = try text(name) else { return nil }
    guard known.contains(text) else {
      let choices = known.joined(separator: " or ")
      throw .usage(
        "\(name) must be \(choices), not \"\(text)\"\(NearestName.hint(text, among: known))")
    }
    return text
  }
}
