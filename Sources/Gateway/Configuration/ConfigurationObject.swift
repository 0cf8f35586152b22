// One object of the configuration while it is read: typed access to its keys, and for everything
// wrong the place and the reason. A key that is absent or null leaves the default.
import Base
import Ledger

/// One step from a document's root to a value in it.
enum ConfigurationStep: Equatable, Sendable {
  case key(String)
  case index(Int)
}

/// What is wrong, and where in the document.
struct ConfigurationProblem: Error, Equatable {
  var path: [ConfigurationStep]
  var reason: String

  /// `groups[1].rate_multiplier: ...`; the reason alone at the root.
  var text: String {
    var place = ""
    for step in path {
      switch step {
      case .key(let key): place += place.isEmpty ? key : ".\(key)"
      case .index(let index): place += "[\(index)]"
      }
    }
    return place.isEmpty ? reason : "\(place): \(reason)"
  }
}

struct ConfigurationObject {
  let path: [ConfigurationStep]
  private let members: [String: JSONValue]
  let keys: [String]

  /// - Throws: when `value` is no object or has a key that is not known.
  init(
    _ value: JSONValue, at path: [ConfigurationStep], known: [String]
  ) throws(ConfigurationProblem) {
    self.path = path
    guard case .object(let object) = value else {
      throw ConfigurationProblem(path: path, reason: "must be an object, { ... }")
    }
    var members: [String: JSONValue] = [:]
    for member in object.members { members[member.name] = member.value }
    self.members = members
    keys = object.members.map(\.name)
    guard !known.isEmpty else { return }
    for key in keys where !known.contains(key) {
      let hint = NearestName.hint(key, among: known)
      let choices = hint.isEmpty ? "; known here: \(known.joined(separator: ", "))" : hint
      throw problem(key, "unknown key\(choices)")
    }
  }

  func problem(_ key: String, _ reason: String) -> ConfigurationProblem {
    ConfigurationProblem(path: path + [.key(key)], reason: reason)
  }

  /// nil when absent or null.
  func value(_ key: String) -> JSONValue? {
    guard let value = members[key] else { return nil }
    if case .null = value { return nil }
    return value
  }
  /// True also for null.
  func states(_ key: String) -> Bool { members[key] != nil }

  func string(_ key: String) throws(ConfigurationProblem) -> String? {
    guard let value = value(key) else { return nil }
    guard case .string(let text) = value else { throw problem(key, "must be a text in quotes") }
    return text
  }
  /// A text that must be there and not empty.
  func requiredString(_ key: String) throws(ConfigurationProblem) -> String {
    guard let text = try string(key) else {
      throw ConfigurationProblem(path: path, reason: "\"\(key)\" is missing")
    }
    guard !text.isEmpty else { throw problem(key, "must not be empty") }
    return text
  }
  func bool(_ key: String, into target: inout Bool) throws(ConfigurationProblem) {
    guard let value = value(key) else { return }
    guard case .bool(let flag) = value else { throw problem(key, "must be true or false") }
    target = flag
  }
  func integer(
    _ key: String, in range: ClosedRange<Int64>, into target: inout Int64
  ) throws(ConfigurationProblem) {
    guard let scaled = try number(key, digits: 0, "a whole number") else { return }
    guard range.contains(scaled) else {
      throw problem(key, "must be between \(range.lowerBound) and \(range.upperBound)")
    }
    target = scaled
  }
  func integer32(
    _ key: String, in range: ClosedRange<Int64>, into target: inout Int32
  ) throws(ConfigurationProblem) {
    var wide = Int64(target)
    try integer(key, in: range, into: &wide)
    target = Int32(clamping: wide)
  }
  /// A number of seconds (or of `unit`s), to the millisecond.
  func duration(
    _ key: String, unit: Int64 = 1, least: Int64 = 1, into target: inout Duration
  ) throws(ConfigurationProblem) {
    guard let scaled = try number(key, digits: 3, "a number with at most 3 decimals") else {
      return
    }
    let greatest: Int64 = 366 * 86_400 / unit
    guard scaled >= least, scaled <= greatest * 1000 else {
      throw problem(key, "must be \(least == 0 ? "0" : "more than 0") and at most \(greatest)")
    }
    target = .milliseconds(scaled * unit)
  }
  /// An amount of USD with all its digits, not negative.
  func money(_ key: String, into target: inout NanoUSD?) throws(ConfigurationProblem) {
    guard let scaled = try number(key, digits: 9, "an amount of USD with at most 9 decimals")
    else { return }
    guard scaled >= 0, scaled <= 1_000_000 * 1_000_000_000 else {
      throw problem(key, "must be between 0 and 1000000 USD")
    }
    target = NanoUSD(scaled)
  }
  func multiplier(_ key: String, into target: inout PartsPerMillion) throws(ConfigurationProblem) {
    guard let scaled = try number(key, digits: 6, "a number with at most 6 decimals") else {
      return
    }
    guard scaled >= 0, scaled <= Int64(PartsPerMillion.multiplierLimit.value) else {
      throw problem(key, "must be between 0 (free) and 1000")
    }
    target = PartsPerMillion(UInt32(scaled))
  }
  func choice<Choice: RawRepresentable & CaseIterable>(
    _ key: String, into target: inout Choice
  ) throws(ConfigurationProblem) where Choice.RawValue == String {
    guard let text = try string(key) else { return }
    guard let choice = Choice(rawValue: text) else {
      throw wrongChoice(key, text, Choice.allCases.map(\.rawValue))
    }
    target = choice
  }
  func wrongChoice(_ key: String, _ text: String, _ known: [String]) -> ConfigurationProblem {
    let choices = known.map { "\"\($0)\"" }.joined(separator: ", ")
    return problem(
      key, "\"\(text)\" is not one of \(choices)\(NearestName.hint(text, among: known))")
  }
  func strings(_ key: String) throws(ConfigurationProblem) -> [String]? {
    guard let value = value(key) else { return nil }
    guard case .array(let elements) = value else {
      throw problem(key, "must be a list of texts, [ ... ]")
    }
    var texts: [String] = []
    for (index, element) in elements.enumerated() {
      guard case .string(let text) = element, !text.isEmpty else {
        throw ConfigurationProblem(
          path: path + [.key(key), .index(index)], reason: "must be a text in quotes, not empty")
      }
      texts.append(text)
    }
    return texts
  }
  /// The elements of a list, each with its path.
  func elements(
    _ key: String
  ) throws(ConfigurationProblem) -> [(value: JSONValue, path: [ConfigurationStep])] {
    guard let value = value(key) else { return [] }
    guard case .array(let elements) = value else { throw problem(key, "must be a list, [ ... ]") }
    return elements.enumerated().map { ($1, path + [.key(key), .index($0)]) }
  }
  func object(
    _ key: String, known: [String]
  ) throws(ConfigurationProblem) -> ConfigurationObject? {
    guard let value = value(key) else { return nil }
    return try ConfigurationObject(value, at: path + [.key(key)], known: known)
  }

  /// A number times 10^digits, exactly; from a JSON number or a text.
  private func number(
    _ key: String, digits: Int, _ what: String
  ) throws(ConfigurationProblem) -> Int64? {
    guard let value = value(key) else { return nil }
    let text: String
    switch value {
    case .number(let number): text = number
    case .string(let string): text = string
    default: throw problem(key, "must be \(what)")
    }
    guard let decimal = try? DecimalText.parse(text, scale: digits), decimal.isExact,
      let scaled = Int64(exactly: decimal.value)
    else { throw problem(key, "must be \(what), not \(text)") }
    return scaled
  }
}
