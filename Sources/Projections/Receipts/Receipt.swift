// A receipt: one event of the log, with all that proves it. The file is a C2SP tlog-proof
// (https://c2sp.org/tlog-proof) of the event's record, which any verifier of that format checks;
// `extra` holds the records themselves, the event's first, then those that explain it, each of
// these with its own path to the same root.
//
//   c2sp.org/tlog-proof@v1
//   extra BASE64 of {"records":[{"index":N,"record":"BASE64","path":["BASE64",...]},...]}
//   index N
//   BASE64 of each sibling, from the leaf up
//
//   the signed checkpoint
internal import Base
public import Ledger

/// A record and its path to the root.
public struct ProvenRecord: Equatable, Sendable {
  /// The canonical bytes.
  public let bytes: [UInt8]
  public let sequence: SequenceNumber
  public let path: [TreeHash]

  public init(bytes: [UInt8], sequence: SequenceNumber, path: [TreeHash]) {
    self.bytes = bytes
    self.sequence = sequence
    self.path = path
  }
}

public struct Receipt: Equatable, Sendable {
  /// The event it is about.
  public let main: ProvenRecord
  /// What explains it: the admission, names, prices.
  public let others: [ProvenRecord]
  /// The signed note.
  public let checkpoint: String

  /// Longest file that is read, in bytes, and most records in one.
  public static let greatestLength = 4 << 20
  public static let greatestRecords = 64
  private static let firstLine = "c2sp.org/tlog-proof@v1"

  public init(main: ProvenRecord, others: [ProvenRecord], checkpoint: String) {
    precondition(others.count < Self.greatestRecords, "too many records for one receipt")
    self.main = main
    self.others = others
    self.checkpoint = checkpoint
  }

  /// The file.
  public var text: String {
    var json = JSONWriter()
    json.object { json in
      json.member(
        "records",
        array: { json in
          for record in [main] + others {
            json.object { json in
              json.member("index", record.sequence.value - 1)
              json.member("record", Base64.encode(record.bytes))
              if record.sequence != main.sequence {
                json.member(
                  "path",
                  array: { json in
                    for hash in record.path { json.string(Base64.encode(hash.bytes)) }
                  })
              }
            }
          }
        })
    }
    var lines = [
      Self.firstLine, "extra \(Base64.encode(json.bytes))", "index \(main.sequence.value - 1)",
    ]
    lines += main.path.map { Base64.encode($0.bytes) }
    return lines.joined(separator: "\n") + "\n\n" + checkpoint
  }

  /// - Throws: `.tree` when the text is no receipt. Nothing is proven by reading it.
  public init(text: String) throws(LedgerError) {
    func bad(_ why: String) -> LedgerError { .tree("this is no receipt: \(why)") }
    guard text.utf8.count <= Self.greatestLength else {
      throw bad("it has more than \(Self.greatestLength >> 20) MB")
    }
    guard let end = text.firstRange(of: "\n\n") else { throw bad("it holds no checkpoint") }
    var lines = text[..<end.lowerBound].split(separator: "\n", omittingEmptySubsequences: false)[
      ...]
    guard lines.popFirst() == Substring(Self.firstLine) else {
      throw bad("the first line is not \(Self.firstLine)")
    }
    guard let extra = lines.popFirst(), extra.hasPrefix("extra "),
      let payload = Base64.decode(extra.dropFirst(6))
    else { throw bad("the line with the records is missing") }
    guard let line = lines.popFirst(), line.hasPrefix("index "),
      let index = UInt64(line.dropFirst(6)), "index \(index)" == line, index < .max
    else { throw bad("the line with the index is missing") }
    let path = try Self.path(lines.map(String.init))
    let object: JSONValue
    do throws(JSONError) { object = try JSONParser(maxDepth: 5).parse(payload) } catch {
      throw bad("the records are no JSON: \(error)")
    }
    guard let entries = object["records"]?.array, !entries.isEmpty,
      entries.count <= Self.greatestRecords
    else { throw bad("it has no records, or more than \(Self.greatestRecords)") }
    var records: [ProvenRecord] = []
    for entry in entries {
      let isMain = records.isEmpty
      guard let place = (entry["index"]?.numberText).flatMap({ UInt64($0) }), place < .max,
        let bytes = (entry["record"]?.string).flatMap({ Base64.decode($0) }),
        !bytes.isEmpty, RecordView.isWhole(bytes)
      else { throw bad("record \(records.count + 1) is not one whole record") }
      let own = isMain ? path : try Self.path((entry["path"]?.array ?? []).map { $0.string ?? "" })
      records.append(
        ProvenRecord(bytes: bytes, sequence: SequenceNumber(place + 1), path: own))
    }
    guard records[0].sequence.value == index + 1 else {
      throw bad("the first record is not the one of the index")
    }
    main = records[0]
    others = Array(records.dropFirst())
    checkpoint = String(text[end.upperBound...])
  }

  private static func path(_ lines: [String]) throws(LedgerError) -> [TreeHash] {
    guard lines.count <= 64 else { throw .tree("this is no receipt: a path is too long") }
    var path: [TreeHash] = []
    for line in lines {
      guard let hash = Base64.decode(line).flatMap({ TreeHash($0) }) else {
        throw .tree("this is no receipt: a path holds something else than hashes")
      }
      path.append(hash)
    }
    return path
  }
}
