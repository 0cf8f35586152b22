// Where the read model is kept between runs: rows, and the place in the log they stand at, changed
// together or not at all.
public import Ledger
public import Base

/// What a stored read model stands at. All of it must agree with the log before it is believed.
public struct CheckpointHeader: Equatable, Sendable {
  public var logID: LogID
  /// The epoch it was written in.
  public var epoch: UInt64
  public var sequence: SequenceNumber
  /// CRC-32C of all record bytes up to `sequence`.
  public var chain: UInt32
  /// `Books.foldLevel` of the version that wrote it.
  public var foldLevel: String
}

/// A durable read model. Used by one thread at a time.
public protocol CheckpointStore: AnyObject, Sendable {
  /// What it stands at; nil while it is empty.
  func header() throws(StoreError) -> CheckpointHeader?
  /// Stores a cut and what it stands at, in one transaction.
  func commit(_ cut: Cut, _ header: CheckpointHeader) throws(StoreError)
  /// Gives each row of a table, in the order of its index.
  func eachRow(
    of table: String, keyColumn: String, columns: [ColumnDefinition],
    _ body: (Int, [ColumnValue]) throws(StoreError) -> Void
  ) throws(StoreError)
  /// Gives the daily cells from a day on, by day, user, key, group, model, target.
  func eachCell(
    from day: DayNumber, _ body: (DailyCell) throws(StoreError) -> Void
  ) throws(StoreError)
  /// Gives the daily cells of a key on days `from ... to`, by day, group, model, target.
  func eachCell(
    of key: KeyID, from: DayNumber, to: DayNumber,
    _ body: (DailyCell) throws(StoreError) -> Void
  ) throws(StoreError)
  func close()
}

/// Makes, finds and replaces stores.
public protocol CheckpointStores: Sendable {
  /// What the store stands at, read without changing anything; nil when there is none or it cannot
  /// be read.
  func peek() -> CheckpointHeader?
  /// Opens the store. A damaged one is moved aside and an empty one is made.
  func open() throws(StoreError) -> OpenedStore
  /// Drops everything the store holds.
  func reset(_ store: any CheckpointStore) throws(StoreError) -> any CheckpointStore
  /// An empty store beside the one in use.
  func makeSecond() throws(StoreError) -> any CheckpointStore
  /// Puts the second one in the place of the first; both are closed.
  func replace(
    _ first: any CheckpointStore, with second: any CheckpointStore
  ) throws(StoreError) -> any CheckpointStore
}

extension CheckpointStores {
  /// The greatest sequence that the stored state or a signed tree head proves to have been
  /// acknowledged by the log in a directory; `.none` when they are another log's, or there is none.
  public func confirmed(in directory: LedgerDirectory) throws(LedgerError) -> SequenceNumber {
    let signed = try TreeBuilder.confirmed(in: directory)
    guard let stored = peek(), stored.logID == (try directory.readIdentity())?.logID else {
      return signed
    }
    return max(signed, stored.sequence)
  }
}

/// An open store, and what an operator should know of it.
public struct OpenedStore {
  public let store: any CheckpointStore
  /// Why an earlier one is not used; nil when it is.
  public let complaint: String?
}

/// A value's bytes in a row's check: type, length and content.
enum RowCheck {
  /// CRC-32C of a row's key and values: a changed bit in the file is found when it is loaded.
  static func of(_ key: Int, _ values: [ColumnValue]) -> Int64 {
    var bytes: [UInt8] = []
    bytes.append(littleEndian: Int64(key))
    for value in values {
      switch value {
      case .integer(let number):
        bytes.append(1)
        bytes.append(littleEndian: number)
      case .text(let text):
        bytes.append(2)
        bytes.append(littleEndian: Int64(text.utf8.count))
        bytes.append(utf8: text)
      case .blob(let blob):
        bytes.append(3)
        bytes.append(littleEndian: Int64(blob.count))
        bytes.append(contentsOf: blob)
      }
    }
    return Int64(CRC32C.checksum(bytes))
  }
}
