// What ledger.json says: which log this is, and how often it was opened for writing.
public import Base

/// A log's description.
public struct LogIdentity: Equatable, Sendable {
  public let logID: LogID
  public let created: Timestamp
  /// A name for this log, as checkpoints show it.
  public internal(set) var origin: String
  /// Times the ledger was opened for writing; a fencing number, never decreases.
  public internal(set) var epoch: UInt64

  /// The format of the directory that this version reads and writes.
  static let format = "1"

  /// The one line that is written.
  var text: String {
    var name = ""
    for character in origin.unicodeScalars {
      if character == "\"" || character == "\\" { name += "\\" }
      name.unicodeScalars.append(character.value < 32 ? " " : character)
    }
    return "{\"format\": \(Self.format), \"log_id\": \"\(logID)\", \"created\": \"\(created)\", "
      + "\"origin\": \"\(name)\", \"epoch\": \(epoch)}\n"
  }

  init(logID: LogID, created: Timestamp, origin: String, epoch: UInt64) {
    self.logID = logID
    self.created = created
    self.origin = origin
    self.epoch = epoch
  }
}

extension LedgerDirectory {
  /// Reads ledger.json; nil when it is missing.
  public func readIdentity() throws(LedgerError) -> LogIdentity? {
    let bytes: [UInt8]
    do throws(FileError) { bytes = try files.readFile(identity) } catch {
      if error.isMissing { return nil }
      throw .file(error)
    }
    func bad(_ why: String) -> LedgerError { .notALedger(path: path, why: "ledger.json " + why) }
    let root: JSONValue
    do throws(JSONError) { root = try JSONParser().parse(bytes) } catch {
      throw bad("is not JSON: \(error)")
    }
    guard let format = root["format"]?.numberText else { throw bad("has no format") }
    guard format == LogIdentity.format else {
      throw bad("has format \(format), this version knows \(LogIdentity.format)")
    }
    guard let logID = (root["log_id"]?.string).flatMap({ LogID($0) }),
      let created = (root["created"]?.string).flatMap({ Timestamp(text: $0) }),
      let origin = root["origin"]?.string,
      let epoch = (root["epoch"]?.numberText).flatMap({ UInt64($0) })
    else { throw bad("lacks a valid log_id, created, origin or epoch") }
    return LogIdentity(logID: logID, created: created, origin: origin, epoch: epoch)
  }

  /// Puts ledger.json in place, durably.
  func writeIdentity(_ value: LogIdentity) throws(FileError) {
    try files.replaceFile(identity, in: path, with: Array(value.text.utf8))
  }
}
