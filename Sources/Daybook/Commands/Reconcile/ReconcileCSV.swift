// All findings as a CSV file: written beside its place and put there when it is whole.
import Base
import Ledger
import Projections

struct ReconcileCSV {
  static let columns = [
    "finding", "line", "sequence", "message_id", "request_id", "day", "model", "differing",
    "our_requests", "our_input_tokens", "our_output_tokens", "our_cache_read_tokens",
    "our_cache_write_tokens", "our_cost_usd", "their_rows", "their_input_tokens",
    "their_output_tokens", "their_cache_read_tokens", "their_cache_write_tokens",
    "their_cost_usd", "state",
  ]
  private let path: String
  private let file: any File
  private var offset = 0
  private var writer = CSVWriter()

  init(_ path: String) throws {
    self.path = path
    file = try RealFileSystem().open(path + ".tmp", .replace)
    writer.line(Self.columns)
  }

  mutating func add(_ row: ReconciledRow) throws(FileError) {
    let differing = row.differing.map(\.rawValue).joined(separator: " ")
    writer.line(
      [
        row.isDuplicate ? "duplicate" : row.kind.rawValue, row.line == 0 ? "" : "\(row.line)",
        row.sequence == .none ? "" : "\(row.sequence)", row.messageID, row.requestID,
        row.day?.description ?? "", row.model, differing,
      ] + Self.fields(row.ours) + Self.fields(row.theirs) + [row.state?.rawValue ?? ""])
    if writer.bytes.count >= 1 << 16 { try flush() }
  }

  private static func fields(_ sums: ReconciliationSums) -> [String] {
    if sums.rows == 0 { return ["", "", "", "", "", ""] }
    let counts = [sums.input, sums.output, sums.cacheRead, sums.cacheWrite]
    return ["\(sums.rows)"] + counts.map { $0.map { "\($0)" } ?? "" }
      + [sums.cost.map { DecimalText.text(Int128($0), scale: 9) } ?? ""]
  }

  private mutating func flush() throws(FileError) {
    let bytes = writer.take()
    try file.writeFully(bytes.span, at: offset)
    offset += bytes.count
  }

  /// Leaves nothing behind; what stood in its place stays.
  func discard() { try? RealFileSystem().remove(path + ".tmp") }

  mutating func close() throws(FileError) {
    try flush()
    try file.sync()
    try RealFileSystem().rename(path + ".tmp", to: path)
  }
}
