// A stream of bytes read as requests, and what was seen put into words: the same words mean the
// same reading. The fuzzer and the tests compare readings of one stream cut up in different ways.

public enum RequestReading {
  /// The readings of the requests in `bytes`, given in pieces of `pieces` bytes, up to the first
  /// one that is refused. Bodies above 1,000 bytes are too large here.
  public static func describe(_ bytes: [UInt8], pieces: Int) -> [String] {
    describe(bytes) { pieces }
  }

  static func describe(_ bytes: [UInt8], nextPiece: () -> Int) -> [String] {
    var reading = Reading()
    var rest = bytes[...]
    while true {
      do throws(Refused) {
        while try reading.step() {}
      } catch {
        return reading.seen + ["\(error.status) \(error.reason)"]
      }
      if rest.isEmpty { return reading.seen }
      let piece = rest.prefix(max(1, nextPiece()))
      reading.buffer += piece
      rest = rest.dropFirst(piece.count)
    }
  }

  private struct Reading {
    static let bodyLimit = 1000
    var seen: [String] = []
    var buffer: [UInt8] = []
    var parser = HeadParser(limits: HeadLimits())
    var decoder: BodyDecoder?
    var body: [UInt8] = []

    /// Reads one head or body; false when that needs more bytes.
    mutating func step() throws(Refused) -> Bool {
      let bytes = buffer
      guard var open = decoder else {
        guard case .complete(let end) = try parser.parse(bytes.span) else { return false }
        let request = Request(parser, bytes: Array(bytes[..<end]), peer: .local)
        seen.append(
          "\(request.method.rawValue) \(request.path) ?\(request.query ?? "-") "
            + "\(request.headers.count) \(parser.framing) \(parser.keepsAlive)")
        buffer.removeFirst(end)
        decoder = BodyDecoder(parser.framing)
        body = []
        return true
      }
      let result: BodyDecoder.Step
      do throws(BodyDecoder.Failure) {
        result = try open.decode(bytes.span, into: &body, limit: Self.bodyLimit)
      } catch {
        if case .refused(let refused) = error { throw refused }
        throw Refused(413, "the body is too large")
      }
      switch result {
      case .incomplete(let used):
        buffer.removeFirst(used)
        decoder = open
        return false
      case .complete(let used):
        buffer.removeFirst(used)
        seen.append("body \(body)")
        decoder = nil
        parser = HeadParser(limits: HeadLimits())
        return !buffer.isEmpty
      }
    }
  }
}
