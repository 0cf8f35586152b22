// CSV as RFC 4180 has it: fields with commas, quotes or line ends in quotes, quotes doubled, lines
// ended by CR LF. A field that a spreadsheet would run as a formula gets a quote mark in front.

/// Writes lines of comma-separated values.
public struct CSVWriter: Sendable {
  public private(set) var bytes: [UInt8] = []

  public init() {}

  public mutating func line(_ fields: [String]) {
    for (index, field) in fields.enumerated() {
      if index > 0 { bytes.append(0x2C) }
      Self.append(field, to: &bytes)
    }
    bytes += [0x0D, 0x0A]
  }

  /// Takes what was written so far.
  public mutating func take() -> [UInt8] {
    defer { bytes.removeAll(keepingCapacity: true) }
    return bytes
  }

  private static func append(_ field: String, to bytes: inout [UInt8]) {
    // OWASP "CSV Injection": =, +, @, tab and CR begin formulas; so does "-", unless a number does.
    let first = field.utf8.first
    let isFormula =
      first == 0x3D || first == 0x2B || first == 0x40 || first == 0x09 || first == 0x0D
      || (first == 0x2D && !isNumber(field))
    let text = isFormula ? "'" + field : field
    guard text.utf8.contains(where: { $0 == 0x2C || $0 == 0x22 || $0 == 0x0A || $0 == 0x0D })
    else { return bytes.append(utf8: text) }
    bytes.append(0x22)
    for byte in text.utf8 {
      if byte == 0x22 { bytes.append(0x22) }
      bytes.append(byte)
    }
    bytes.append(0x22)
  }

  private static func isNumber(_ field: String) -> Bool {
    let digits = field.utf8.dropFirst()
    return !digits.isEmpty && digits.allSatisfy { (0x30...0x39).contains($0) || $0 == 0x2E }
  }
}
