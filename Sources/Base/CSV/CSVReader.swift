// CSV as RFC 4180 has it, and as programs write it: fields in quotes may hold separators, line ends
// and doubled quotes; lines end with LF, CR LF or CR; a byte order mark before the first is passed.
// Bytes come in pieces of any size, records go out one by one: memory holds one record and a piece.

/// One record: its fields behind each other.
public struct CSVRecord: Sendable {
  /// The line it begins on, from 1.
  public fileprivate(set) var line = 0
  fileprivate var bytes: [UInt8] = []
  fileprivate var ends: [Int] = []
  public init() {}

  public var count: Int { ends.count }
  /// An empty line.
  public var isBlank: Bool { ends.count == 1 && bytes.isEmpty }

  /// The bytes of a field, quotes read; empty beyond the last.
  public func field(_ index: Int) -> ArraySlice<UInt8> {
    guard ends.indices.contains(index) else { return [] }
    return bytes[(index == 0 ? 0 : ends[index - 1])..<ends[index]]
  }
  /// The text of a field; nil when it is not UTF-8.
  public func text(_ index: Int) -> String? { String(validating: field(index), as: UTF8.self) }
}

/// What is wrong with a CSV text, and on which line.
public struct CSVFault: Error, Equatable, Sendable, CustomStringConvertible {
  public let line: Int
  public let reason: Reason

  public enum Reason: Equatable, Sendable {
    /// A quote inside a field that does not begin with one.
    case strayQuote
    /// Something else than a separator or line end behind a closing quote.
    case textBehindQuote
    /// The text ends inside of quotes that began on this line.
    case openQuote
    case tooLong(limit: Int)
    case tooManyFields(limit: Int)
  }

  public var description: String {
    switch reason {
    case .strayQuote: "a quote inside a field that does not begin with one"
    case .textBehindQuote: "text behind the closing quote of a field"
    case .openQuote: "the quotes that begin here are never closed"
    case .tooLong(let limit): "a record of more than \(limit) bytes"
    case .tooManyFields(let limit): "a record of more than \(limit) fields"
    }
  }
}

/// Reads records from pieces of a text.
public struct CSVReader: Sendable {
  /// Greatest record in bytes.
  public static let recordLimit = 1 << 20
  public static let fieldLimit = 4096

  /// Between fields: a comma unless it is set before the first record.
  public var separator: UInt8 = 0x2C

  private enum Place { case fieldStart, plain, quoted, behindQuote }
  private static let mark: [UInt8] = [0xEF, 0xBB, 0xBF]

  private var piece: [UInt8] = []
  private var position = 0
  private var isFinished = false
  private var place = Place.fieldStart
  private var record = CSVRecord()
  private var line = 1
  private var quoteLine = 0
  /// A CR was read: an LF right behind it belongs to the same line end.
  private var isBehindReturn = false
  /// Bytes of the byte order mark seen; 3 = it is passed, or there is none.
  private var markSeen = 0

  public init() { record.line = 1 }

  /// Gives it more of the text.
  /// - Precondition: `next` returned false for what it had.
  public mutating func add(_ bytes: [UInt8]) {
    precondition(position == piece.count, "the last piece is not read yet")
    piece = bytes
    position = 0
  }
  /// There is no more: what stands without a line end is the last record.
  public mutating func finish() { isFinished = true }

  /// Reads the next record into `result`.
  /// - Returns: false when more of the text is needed; after `finish`, at the end.
  public mutating func next(into result: inout CSVRecord) throws(CSVFault) -> Bool {
    while position < piece.count {
      let byte = piece[position]
      position += 1
      if markSeen < 3, passesMark(byte) { continue }
      if isBehindReturn {
        isBehindReturn = false
        if byte == 0x0A { continue }
      }
      if try take(byte) {
        give(&result)
        return true
      }
    }
    guard isFinished else { return false }
    if place == .quoted { throw CSVFault(line: quoteLine, reason: .openQuote) }
    guard !record.ends.isEmpty || !record.bytes.isEmpty || place != .fieldStart else {
      return false
    }
    endField()
    give(&result)
    return true
  }

  private mutating func passesMark(_ byte: UInt8) -> Bool {
    if byte == Self.mark[markSeen] {
      markSeen += 1
      return true
    }
    // What looked like the beginning of a mark is text.
    record.bytes += Self.mark[..<markSeen]
    if markSeen > 0 { place = .plain }
    markSeen = 3
    return false
  }

  /// - Returns: true when the byte ends the record.
  private mutating func take(_ byte: UInt8) throws(CSVFault) -> Bool {
    switch place {
    case .quoted:
      if byte == 0x22 {
        place = .behindQuote
      } else {
        if byte == 0x0A { line += 1 }
        try append(byte)
      }
      return false
    case .behindQuote where byte == 0x22:
      place = .quoted
      try append(byte)
      return false
    case .fieldStart where byte == 0x22:
      place = .quoted
      quoteLine = line
      return false
    default: break
    }
    switch byte {
    case separator:
      endField()
      guard record.ends.count < Self.fieldLimit else {
        throw CSVFault(line: line, reason: .tooManyFields(limit: Self.fieldLimit))
      }
    case 0x0A, 0x0D:
      endField()
      line += 1
      isBehindReturn = byte == 0x0D
      return true
    case 0x22:
      throw CSVFault(line: line, reason: .strayQuote)
    default:
      if place == .behindQuote { throw CSVFault(line: line, reason: .textBehindQuote) }
      place = .plain
      try append(byte)
    }
    return false
  }

  private mutating func append(_ byte: UInt8) throws(CSVFault) {
    guard record.bytes.count < Self.recordLimit else {
      throw CSVFault(line: record.line, reason: .tooLong(limit: Self.recordLimit))
    }
    record.bytes.append(byte)
  }

  private mutating func endField() {
    record.ends.append(record.bytes.count)
    place = .fieldStart
  }

  /// Hands the record over, and takes the space of the one before for the next.
  private mutating func give(_ result: inout CSVRecord) {
    swap(&record, &result)
    record.bytes.removeAll(keepingCapacity: true)
    record.ends.removeAll(keepingCapacity: true)
    record.line = line
  }
}
