// Rows of a CSV file. The first record names the columns; those that no rule knows are passed over.
import Base

struct InvoiceTable {
  private var reader = CSVReader()
  private var values: InvoiceValues
  private var record = CSVRecord()
  /// Number of fields in the header; 0 = it was not read yet.
  private var width = 0
  private var columns: [(index: Int, field: InvoiceField)] = []
  private var isFirstPiece = true

  init(zone: LocalZone) { values = InvoiceValues(zone: zone) }

  mutating func add(_ bytes: [UInt8]) {
    if isFirstPiece {
      isFirstPiece = false
      reader.separator = Self.separator(of: bytes)
    }
    reader.add(bytes)
  }
  mutating func finish() { reader.finish() }

  /// Spreadsheets of some countries separate with semicolons, databases with tabs.
  private static func separator(of bytes: [UInt8]) -> UInt8 {
    let header = bytes.prefix { $0 != 0x0A && $0 != 0x0D }
    func count(_ byte: UInt8) -> Int { header.reduce(0) { $0 + ($1 == byte ? 1 : 0) } }
    let rivals: [UInt8] = [0x3B, 0x09]
    guard let rival = rivals.max(by: { count($0) < count($1) }), count(rival) > count(0x2C) else {
      return 0x2C
    }
    return rival
  }

  /// nil when more of the file is needed.
  mutating func next() throws(InvoiceError) -> InvoiceRow? {
    while true {
      do throws(CSVFault) {
        guard try reader.next(into: &record) else { return nil }
      } catch {
        throw InvoiceError(error.line, error.description)
      }
      if record.isBlank { continue }
      if width == 0 {
        try readHeader()
        continue
      }
      guard record.count == width else {
        throw InvoiceError(
          record.line, "\(record.count) fields where the header names \(width) columns")
      }
      var row = InvoiceRow()
      row.line = record.line
      for column in columns {
        guard let text = record.text(column.index) else {
          throw InvoiceError(record.line, "column \(column.index + 1) is not UTF-8")
        }
        try values.take(text, as: column.field, into: &row)
      }
      return row
    }
  }

  private mutating func readHeader() throws(InvoiceError) {
    var names: [String] = []
    var best: [InvoiceField: (rank: Int, index: Int)] = [:]
    for index in 0..<record.count {
      guard let name = record.text(index) else {
        throw InvoiceError(record.line, "the name of column \(index + 1) is not UTF-8")
      }
      names.append(InvoiceValues.shown(InvoiceValues.trimmed(name)))
      guard let (field, rank) = InvoiceField.named(name) else { continue }
      if let other = best[field] {
        if other.rank == rank {
          throw InvoiceError(
            record.line,
            "the columns \"\(names[other.index])\" and \"\(names[index])\" both say "
              + "the same; remove one")
        }
        if other.rank < rank { continue }
      }
      best[field] = (rank, index)
    }
    width = record.count
    columns = best.map { ($0.value.index, $0.key) }.sorted { $0.index < $1.index }
    let fields = Set(best.keys)
    guard !fields.isDisjoint(with: [.messageID, .requestID, .time]),
      !fields.isDisjoint(with: InvoiceField.compared)
    else {
      throw InvoiceError(
        record.line,
        "the columns are \(names.prefix(32).joined(separator: ", ")); "
          + InvoiceField.needed)
    }
  }

  func checkEnd() throws(InvoiceError) {
    if width == 0 { throw InvoiceError(0, "the file holds no header and no row") }
  }
}

extension InvoiceField {
  /// What can be compared.
  static let compared: Set<InvoiceField> = [
    .input, .output, .cacheRead, .cacheWrite, .cacheWrite5m, .cacheWrite1h, .cost,
  ]
}
