// The head of an upstream's answer, line by line as libcurl hands it out. libcurl has checked its
// form; here it is bounded, interim answers (1xx) are skipped, and the lines are kept with their
// places.

struct UpstreamHeadParser {
  private var bytes: [UInt8] = []
  private var ranges: [HeaderFields.Range] = []
  private var status = 0
  private var total = 0

  /// All heads of one answer together, interim ones included.
  static let limit = 64 * 1024

  /// Takes one line with its line end. The head once its empty line has come.
  mutating func take(_ line: some Collection<UInt8>) throws(Refused) -> UpstreamHead? {
    total += line.count
    if total > Self.limit {
      throw Refused(502, "the upstream's response head is larger than \(Self.limit) bytes")
    }
    let start = bytes.count
    bytes.append(contentsOf: line)
    var end = bytes.count
    while end > start && (bytes[end - 1] == 10 || bytes[end - 1] == 13) { end -= 1 }
    if end == start {
      if status >= 200 {
        return UpstreamHead(status: status, headers: HeaderFields(bytes: bytes, ranges: ranges))
      }
      begin(0)
      return nil
    }
    if status == 0 {
      begin(try parseStatus(start, end))
    } else if let field = try? parseField(bytes.span, start, end) {
      ranges.append(field)
    }
    return nil
  }
  private mutating func begin(_ status: Int) {
    self.status = status
    bytes.removeAll(keepingCapacity: true)
    ranges.removeAll(keepingCapacity: true)
  }
  /// "HTTP/1.1 200 OK"
  private func parseStatus(_ start: Int, _ end: Int) throws(Refused) -> Int {
    let words = bytes[start..<end].split(separator: 32, omittingEmptySubsequences: true)
    guard words.count >= 2, words[1].count == 3,
      let status = Int(String(decoding: words[1], as: UTF8.self)), status >= 100, status <= 599
    else {
      throw Refused(502, "the upstream's answer has no valid status")
    }
    return status
  }
}
