// Records of CSV, whatever the pieces they come in.
import Testing

@testable import Base

@Suite struct CSVReaderTests {
  /// All records of a text that comes in pieces of so many bytes.
  private func records(
    _ text: String, pieces: Int, separator: UInt8 = 0x2C
  ) throws -> [(line: Int, fields: [String])] {
    var reader = CSVReader()
    reader.separator = separator
    var rest = Array(text.utf8)[...]
    var record = CSVRecord()
    var found: [(line: Int, fields: [String])] = []
    while true {
      while try reader.next(into: &record) {
        found.append((record.line, (0..<record.count).map { record.text($0) ?? "bad" }))
      }
      if rest.isEmpty {
        reader.finish()
        while try reader.next(into: &record) {
          found.append((record.line, (0..<record.count).map { record.text($0) ?? "bad" }))
        }
        return found
      }
      reader.add(Array(rest.prefix(pieces)))
      rest = rest.dropFirst(pieces)
    }
  }

  @Test(arguments: [1, 2, 3, 1000])
  func `quotes, line ends of all kinds and a byte order mark read the same in any pieces`(
    pieces: Int
  ) throws {
    let text = "\u{FEFF}a,b\r\n\"x, \"\"y\"\"\n2\",z\r1,2\n\"\",\n\n last,"
    let found = try records(text, pieces: pieces)
    #expect(
      found.map(\.fields) == [
        ["a", "b"], ["x, \"y\"\n2", "z"], ["1", "2"], ["", ""], [""], [" last", ""],
      ])
    #expect(found.map(\.line) == [1, 2, 4, 5, 6, 7])
  }

  @Test func `another separator leaves commas alone`() throws {
    #expect(
      try records("a;b\n1,5;2", pieces: 4, separator: 0x3B).map(\.fields) == [
        ["a", "b"], ["1,5", "2"],
      ])
  }

  @Test func `a text that only begins like a byte order mark keeps its bytes`() throws {
    #expect(try records("\u{F000}x,1", pieces: 1).map(\.fields) == [["\u{F000}x", "1"]])
  }

  @Test(arguments: [
    ("a,b\nx\"y,1\n", 2, CSVFault.Reason.strayQuote),
    ("a\n\"x\"y\n", 2, .textBehindQuote), ("a\n1\n\"x\ny\nz", 3, .openQuote),
  ])
  func `a fault is told with its line`(text: String, line: Int, reason: CSVFault.Reason) {
    #expect(throws: CSVFault(line: line, reason: reason)) { try records(text, pieces: 3) }
  }

  @Test func `a record without an end is refused at its limit`() {
    let text = String(repeating: "x", count: CSVReader.recordLimit + 1)
    #expect(throws: CSVFault(line: 1, reason: .tooLong(limit: CSVReader.recordLimit))) {
      try records(text, pieces: 1 << 16)
    }
  }

  @Test func `a record of too many fields is refused`() {
    let text = String(repeating: ",", count: CSVReader.fieldLimit + 1)
    #expect(throws: CSVFault.self) { try records(text, pieces: 1 << 16) }
  }

  @Test func `what the writer writes the reader reads`() throws {
    let fields = ["plain", "with, comma", "with \"quotes\"", "two\nlines", "", "é漢"]
    var writer = CSVWriter()
    writer.line(fields)
    let text = String(decoding: writer.bytes, as: UTF8.self)
    #expect(try records(text, pieces: 5).map(\.fields) == [fields])
  }
}
