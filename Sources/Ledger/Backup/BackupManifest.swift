// What a backup consists of: manifest.json, put in place last. Files are named by their content, so
// that a new backup never touches what the one before needs; what no manifest names is removed
// afterwards.
//
//   manifest.json   {"format": 1, "log_id": HEX, "origin": NAME, "epoch": N, "created": TIME,
//                    "made": TIME, "last_sequence": N, "files": [{"name": NAME IN THE LEDGER,
//                    "file": NAME HERE, "bytes": N, "sha256": HEX}, ...]}
//
// The open segment's copy (`...-open`) only grows: an earlier manifest names fewer of its bytes.
internal import Base

struct BackupManifest: Equatable, Sendable {
  struct Entry: Equatable, Sendable {
    /// Path inside the ledger's directory.
    var name: String
    /// Name inside the backup's.
    var file: String
    /// The first so many bytes of it.
    var bytes: Int
    /// Their SHA-256.
    var hash: [UInt8]
  }
  var identity: LogIdentity
  var made: Timestamp
  var last: SequenceNumber
  var files: [Entry]

  static let format = "1"
  /// Files of a backup, and bytes of one, that are believed: their sum is a number.
  private static let greatestFiles = 1 << 16
  private static let greatestBytes: Int64 = 1 << 46

  var text: [UInt8] {
    var json = JSONWriter()
    json.object { json in
      json.name("format")
      json.raw(Self.format)
      json.member("log_id", "\(identity.logID)")
      json.member("origin", identity.origin)
      json.member("epoch", identity.epoch)
      json.member("created", "\(identity.created)")
      json.member("made", "\(made)")
      json.member("last_sequence", last.value)
      json.member(
        "files",
        array: { json in
          for entry in files {
            json.object {
              $0.member("name", entry.name)
              $0.member("file", entry.file)
              $0.member("bytes", entry.bytes)
              $0.member("sha256", Hex.encode(entry.hash))
            }
          }
        })
    }
    return json.bytes + [0x0A]
  }

  init(identity: LogIdentity, made: Timestamp, last: SequenceNumber, files: [Entry]) {
    self.identity = identity
    self.made = made
    self.last = last
    self.files = files
  }

  /// - Throws: `.backup` when the bytes are no manifest of this version.
  init(_ bytes: [UInt8], at path: String) throws(LedgerError) {
    func bad(_ why: String) -> LedgerError { .backup("\(path)/manifest.json \(why)") }
    guard let root = try? JSONParser(maxDepth: 4).parse(bytes) else { throw bad("is not JSON") }
    guard let format = root["format"]?.numberText else { throw bad("names no format") }
    guard format == Self.format else {
      throw bad("has format \(format), this version knows \(Self.format)")
    }
    guard let logID = (root["log_id"]?.string).flatMap({ LogID($0) }),
      let created = (root["created"]?.string).flatMap({ Timestamp(text: $0) }),
      let made = (root["made"]?.string).flatMap({ Timestamp(text: $0) }),
      let origin = root["origin"]?.string,
      let epoch = (root["epoch"]?.numberText).flatMap({ UInt64($0) }),
      let last = (root["last_sequence"]?.numberText).flatMap({ UInt64($0) }),
      let list = root["files"]?.array
    else { throw bad("lacks something") }
    guard list.count <= Self.greatestFiles else { throw bad("names too many files") }
    identity = LogIdentity(logID: logID, created: created, origin: origin, epoch: epoch)
    self.made = made
    self.last = SequenceNumber(last)
    files = []
    for value in list {
      guard let name = value["name"]?.string, let file = value["file"]?.string,
        let bytes = value["bytes"]?.integer, (0...Self.greatestBytes).contains(bytes),
        let hash = (value["sha256"]?.string).flatMap({ Hex.decode($0) }), hash.count == 32,
        Self.isPlain(file),
        name.split(separator: "/", omittingEmptySubsequences: false)
          .allSatisfy({ Self.isPlain(String($0)) })
      else { throw bad("names a file that no backup has") }
      files.append(Entry(name: name, file: file, bytes: Int(bytes), hash: hash))
    }
  }

  /// A name without a way out of its folder.
  private static func isPlain(_ name: String) -> Bool {
    !name.isEmpty && name != "." && name != ".." && !name.utf8.contains { $0 == 0x2F || $0 < 0x20 }
  }

  /// The manifest in a backup's folder; nil when there is none.
  static func read(
    _ files: any FileSystem, at path: String
  ) throws(LedgerError) -> BackupManifest? {
    let bytes: [UInt8]
    do throws(FileError) { bytes = try files.readFile(path + "/manifest.json") } catch {
      if error.isMissing { return nil }
      throw .file(error)
    }
    return try BackupManifest(bytes, at: path)
  }
}
