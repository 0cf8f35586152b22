// The text of a configuration: JSON with `//` comments. Finds the line of a value again by its
// path, so that only errors pay for it.
import Base

struct ConfigurationDocument {
  let bytes: [UInt8]
  let root: JSONValue

  /// Deepest nesting that is read.
  static let depthLimit = 16
  /// Greatest configuration file in bytes.
  static let greatestLength = 4 << 20

  init(_ bytes: [UInt8], file: String?) throws(ConfigurationError) {
    guard bytes.count <= Self.greatestLength else {
      throw ConfigurationError(file: file, reason: "longer than \(Self.greatestLength) bytes")
    }
    self.bytes = bytes
    do {
      root = try JSONParser(maxDepth: Self.depthLimit, allowsComments: true).parse(bytes)
    } catch {
      throw ConfigurationError(
        file: file, line: error.line, reason: "column \(error.column): \(error.reason)")
    }
  }

  /// The line, from 1, of the key that `path` ends with or lies in; of the first key of an object
  /// in a list.
  func line(of path: [ConfigurationStep]) -> Int {
    var offset = 0
    var value = root
    for step in path {
      switch (step, value) {
      case (.key(let key), .object(let object)):
        guard let member = object.member(key) else { return line(at: offset) }
        offset = member.offset
        value = member.value
      case (.index(let index), .array(let elements)):
        guard elements.indices.contains(index) else { return line(at: offset) }
        value = elements[index]
        if let first = value.object?.members.first { offset = first.offset }
      default: return line(at: offset)
      }
    }
    return line(at: offset)
  }

  private func line(at offset: Int) -> Int {
    1 + bytes[..<min(max(0, offset), bytes.count)].count { $0 == UInt8(ascii: "\n") }
  }
}
