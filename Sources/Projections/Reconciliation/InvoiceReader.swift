// The rows of an invoice or a client's log, one by one, from a file of any size: CSV with a header,
// or one JSON object a line, told apart by the first character. Memory holds one row and one piece
// of the file.
public import Base
import Ledger

/// How an invoice is written.
public enum InvoiceFormat: String, Sendable {
  case csv, jsonl
}

public struct InvoiceReader: Sendable {
  /// Bytes read at a time.
  static let pieceBytes = 1 << 18
  /// Longest line of a log.
  static let lineLimit = 16 << 20

  public let format: InvoiceFormat
  /// Bytes of the file.
  public let size: Int
  /// Bytes read so far.
  public private(set) var position = 0
  /// CRC-32C of the bytes read: two passes over a file must see the same.
  public private(set) var checksum = CRC32C()
  /// Rows with neither usage nor cost, such as errors: passed over.
  public private(set) var unbilled = 0

  private let file: any File
  private var isFinished = false
  private var table: InvoiceTable
  private var log: InvoiceLog

  /// - Parameter zone: of dates and of times that state none, and of the days of all times.
  public init(
    _ path: String, in files: some FileSystem, zone: LocalZone
  ) throws(InvoiceError) {
    let first: [UInt8]
    do throws(FileError) {
      guard let status = try files.status(of: path) else {
        throw FileError(code: 2, operation: .open, path: path)
      }
      guard !status.isDirectory else {
        throw FileError(code: 21, operation: .read, path: path)
      }
      file = try files.open(path, .read)
      size = try file.size()
      var bytes = [UInt8](repeating: 0, count: min(4096, size))
      let count = try file.readFully(into: &bytes, bytes.indices, at: 0)
      first = Array(bytes[..<count])
    } catch {
      throw InvoiceError(0, "\(error)")
    }
    format = try Self.format(of: first)
    table = InvoiceTable(zone: zone)
    log = InvoiceLog(zone: zone)
  }

  private static func format(of first: [UInt8]) throws(InvoiceError) -> InvoiceFormat {
    if first.isEmpty { throw InvoiceError(0, "the file is empty") }
    if first.starts(with: [0x1F, 0x8B]) || first.starts(with: [0x50, 0x4B, 3, 4])
      || first.starts(with: [0x28, 0xB5, 0x2F, 0xFD])
    {
      throw InvoiceError(0, "the file is compressed or a spreadsheet: unpack it, or save it as CSV")
    }
    if first.starts(with: [0xFF, 0xFE]) || first.starts(with: [0xFE, 0xFF]) || first.contains(0) {
      throw InvoiceError(0, "the file is not UTF-8 text: save it as CSV in UTF-8")
    }
    let text = first.starts(with: [0xEF, 0xBB, 0xBF]) ? first.dropFirst(3) : first[...]
    let start = text.first { $0 != 0x20 && $0 != 0x09 && $0 != 0x0A && $0 != 0x0D }
    if start == 0x5B {
      throw InvoiceError(1, "a JSON array: write one object a line (`jq -c '.[]'` does)")
    }
    return start == 0x7B ? .jsonl : .csv
  }

  /// The next row that states usage or cost; nil at the end.
  public mutating func next() throws(InvoiceError) -> InvoiceRow? {
    while true {
      guard let row = try format == .csv ? table.next() : log.next() else {
        if isFinished {
          try format == .csv ? table.checkEnd() : log.checkEnd()
          return nil
        }
        try readOn()
        continue
      }
      guard row.isBilled else {
        unbilled += 1
        continue
      }
      guard row.hasID || row.day != nil else {
        throw InvoiceError(
          row.line, "the row has neither an id nor a day; a line of totals does not belong here")
      }
      return row
    }
  }

  private mutating func readOn() throws(InvoiceError) {
    var bytes = [UInt8](repeating: 0, count: Self.pieceBytes)
    do throws(FileError) {
      let count = try file.readFully(into: &bytes, bytes.indices, at: position)
      bytes.removeLast(bytes.count - count)
    } catch {
      throw InvoiceError(0, "\(error)")
    }
    position += bytes.count
    checksum.update(bytes)
    isFinished = bytes.isEmpty
    switch format {
    case .csv: bytes.isEmpty ? table.finish() : table.add(bytes)
    case .jsonl: bytes.isEmpty ? log.finish() : log.add(bytes)
    }
  }
}
