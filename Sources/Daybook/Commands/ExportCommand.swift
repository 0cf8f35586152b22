// `daybook export`: events as JSON lines or CSV, streamed, to standard output or a file that an
// interrupted export goes on with.
import Base
import Gateway
import Foundation

enum ExportCommand {
  static let command = Command(
    CommandSpec(
      name: "export",
      options: [
        .value("format", "FORMAT", "jsonl (default) or csv"),
        .value("from", "N", "first sequence number"), .value("to", "N", "last sequence number"),
        .value("since", "TIME", "only events at or after RFC 3339"),
        .value("until", "TIME", "only events before RFC 3339"),
        .value("type", "T", "only events of this type, e.g. forward_settled"),
        .value("user", "USER", "only events of this user"),
        .value("key", "KEY", "only events of this key"),
        .value("output", "FILE", "a new file instead of standard output"),
        .flag("resume", "go on behind the last whole line of the file"),
      ],
      summary: "events as JSON lines or CSV, filtered, streamed, resumable",
      notes: "CSV has a column for each field of a settlement; what other events hold besides "
        + "stands in the last column as JSON. An interrupted export with --output goes on with "
        + "--resume and the same filters.")
  ) { invocation in
    let values = invocation.parsed.values
    let word = values["format"] ?? "jsonl"
    guard let format = EventFormat(rawValue: word) else {
      throw UsageError("--format must be jsonl or csv, not \"\(word)\"")
    }
    let resumes = invocation.parsed.flags.contains("resume")
    guard let path = values["output"] else {
      if resumes { throw UsageError("--resume needs --output FILE") }
      try Console.write(format.heading)
      return try export(invocation, format, from: nil) { try Console.write($0) }
    }
    let file = try ExportFile(Invocation.absolute(path), format, resumes: resumes)
    try export(invocation, format, from: file.last.map { $0 &+ 1 }) { try file.append($0) }
    try file.finish()
  }

  private static func export(
    _ invocation: Invocation, _ format: EventFormat, from start: UInt64?,
    _ write: ([UInt8]) throws -> Void
  ) throws {
    let names = ["from", "to", "since", "until", "type", "user", "key"]
    var given = names.compactMap { name in
      invocation.parsed.values[name].map { (name: name, value: $0) }
    }
    if let start {
      given.removeAll { $0.name == "from" }
      given.append(("from", "\(start)"))
    }
    try EventPages(invocation, arguments: given).eachPage { try write(try format.page($0)) }
  }
}

/// How events are written.
enum EventFormat: String {
  case jsonl, csv

  /// The fields of a settlement (docs/commands.md, `cat`), and the amount of credits.
  private static let columns = [
    "sequence", "time", "type", "request_id", "upstream_message_id", "upstream_request_id",
    "user", "key", "group", "account", "model", "upstream_model", "priced_model",
    "input_tokens", "output_tokens", "cache_read_tokens", "cache_write_5m_tokens",
    "cache_write_1h_tokens", "web_searches", "service_tier", "list_usd", "charged_usd",
    "multiplier", "price_book", "price_rule", "admission_sequence", "status", "stream",
    "duration_ms", "first_token_ms", "partial", "estimated", "reason", "amount_usd",
  ]

  var heading: [UInt8] {
    guard self == .csv else { return [] }
    var csv = CSVWriter()
    csv.line(Self.columns + ["other"])
    return csv.bytes
  }

  /// - Parameter lines: JSON lines of whole events.
  func page(_ lines: [UInt8]) throws -> [UInt8] {
    guard self == .csv else { return lines }
    var csv = CSVWriter()
    for line in lines.split(separator: 10) {
      guard let object = try JSONParser(maxDepth: 64).parse(Array(line)).object else {
        throw CommandFailure("an event is no JSON object")
      }
      let known = Set(Self.columns)
      let other = object.members.filter { !known.contains($0.name) }
      let fields = Self.columns.map { Self.text(object[$0]) }
      csv.line(fields + [other.isEmpty ? "" : JSONValue.object(JSONObject(other)).text])
    }
    return csv.bytes
  }

  private static func text(_ value: JSONValue?) -> String {
    switch value {
    case nil, .null: ""
    case .string(let text): text
    case let other?: other.text
    }
  }

  /// The sequence number of a whole line; nil for the heading.
  func sequence(ofLine line: [UInt8]) -> UInt64? {
    switch self {
    case .jsonl:
      (try? JSONParser(maxDepth: 64).parse(line))?["sequence"]?.integer
        .flatMap { UInt64(exactly: $0) }
    case .csv: UInt64(String(decoding: line.prefix { $0 != 0x2C }, as: UTF8.self))
    }
  }
}

/// The file of an export: only ever whole lines behind the place it was resumed at.
private final class ExportFile {
  private let path: String
  private let file: any File
  private var offset: Int
  /// The last event in it.
  let last: UInt64?

  init(_ path: String, _ format: EventFormat, resumes: Bool) throws {
    self.path = path
    let files = RealFileSystem()
    let size = try files.status(of: path)?.size ?? 0
    guard size == 0 || resumes else {
      throw CommandFailure("\(path) exists; --resume goes on behind its last line")
    }
    file = try files.open(path, size == 0 ? .replace : .write)
    if size == 0 {
      last = nil
      try file.writeFully(format.heading.span, at: 0)
      offset = format.heading.count
      return
    }
    if try Self.isCutInFirstLine(file, size, format) {
      last = nil
      try file.truncate(to: 0)
      try file.writeFully(format.heading.span, at: 0)
      offset = format.heading.count
      return
    }
    let (end, line) = try Self.lastLine(file, size)
    last = format.sequence(ofLine: line)
    guard last.map({ $0 < UInt64(Int64.max) }) ?? (line + [10] == format.heading) else {
      throw CommandFailure("the last line of \(path) is no event of a \(format.rawValue) export")
    }
    // What was written in part goes.
    try file.truncate(to: end)
    offset = end
  }

  /// An export that ended before its first line was whole: it begins again.
  private static func isCutInFirstLine(
    _ file: any File, _ size: Int, _ format: EventFormat
  ) throws -> Bool {
    var head = [UInt8](repeating: 0, count: min(size, 1 << 16))
    let count = try file.readFully(into: &head, head.indices, at: 0)
    head.removeLast(head.count - count)
    guard size == head.count, !head.contains(10) else { return false }
    let first = format == .csv ? format.heading : Array("{\"sequence\":".utf8)
    return format == .csv
      ? first.starts(with: head) : head.starts(with: first) || first.starts(with: head)
  }

  /// Where the last whole line ends, and that line without its LF.
  private static func lastLine(_ file: any File, _ size: Int) throws -> (end: Int, line: [UInt8]) {
    // A line is an event: 1 MB is more than any.
    let start = max(0, size - (1 << 20))
    var tail = [UInt8](repeating: 0, count: size - start)
    let count = try file.readFully(into: &tail, tail.indices, at: start)
    tail.removeLast(tail.count - count)
    guard let end = tail.lastIndex(of: 10) else {
      throw CommandFailure("the file to go on with has no whole line")
    }
    let begin = tail[..<end].lastIndex(of: 10).map { $0 + 1 } ?? 0
    return (start + end + 1, Array(tail[begin..<end]))
  }

  func append(_ bytes: [UInt8]) throws {
    do {
      try file.writeFully(bytes.span, at: offset)
    } catch {
      throw CommandFailure("\(error); with room again, --resume goes on behind the last whole line")
    }
    offset += bytes.count
  }

  func finish() throws { try file.sync() }
}
