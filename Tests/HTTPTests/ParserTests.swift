// The parser and the body decoder by themselves: what they answer depends on the bytes alone, not
// on how they were cut up, and no bytes make them trap.

@testable import HTTP
import Testing

private func read(_ bytes: [UInt8], sizes: () -> Int) -> [String] {
  RequestReading.describe(bytes, nextPiece: sizes)
}

/// SplitMix64: a seed gives a failing case again.
struct SeededGenerator: RandomNumberGenerator {
  var state: UInt64
  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}

private let samples: [String] =
  (HygieneTests.framing + HygieneTests.chunks + HygieneTests.heads).map(\.text) + [
    "POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
      + "3;e=\"v\"\r\nabc\r\n0A\r\n0123456789\r\n0\r\nt: u\r\n\r\n"
      + "GET /b HTTP/1.1\r\nHost: y\r\n\r\n",
    "POST /a?q=1 HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\nabcd"
      + "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\nHEAD /c HTTP/1.0\r\n\r\n",
  ]

@Suite struct ParserTests {
  @Test(arguments: samples) func `byte by byte gives what one piece gives`(_ text: String) {
    let bytes = Array(text.utf8)
    #expect(read(bytes) { 1 } == read(bytes) { .max })
  }

  @Test func `mutated requests never trap and are read alike however they are cut`() {
    let seed = UInt64.random(in: 0 ... .max)
    var random = SeededGenerator(state: seed)
    let alphabet = Array("\r\n\0 :;,\t0159afFxX/?#\u{7f}".utf8) + [0x80, 0xFF]
    for round in 0..<4000 {
      var bytes = Array(samples.randomElement(using: &random)!.utf8)
      if bytes.count > 2000 { bytes.removeSubrange(40..<(bytes.count - 1000)) }
      for _ in 0..<Int.random(in: 1...4, using: &random) {
        let at = Int.random(in: 0..<bytes.count, using: &random)
        switch Int.random(in: 0..<4, using: &random) {
        case 0: bytes[at] = alphabet.randomElement(using: &random)!
        case 1: bytes.insert(alphabet.randomElement(using: &random)!, at: at)
        case 2: if bytes.count > 1 { bytes.remove(at: at) }
        default:
          let end = min(bytes.count, at + Int.random(in: 1...12, using: &random))
          bytes.insert(contentsOf: Array(bytes[at..<end]), at: at)
        }
      }
      let whole = read(bytes) { .max }
      let cut = read(bytes) { Int.random(in: 1...40, using: &random) }
      #expect(whole == cut, "seed \(seed) round \(round)")
      if whole != cut { return }
    }
  }

  @Test func `the head may be exactly as large as the limit`() {
    let start = "GET / HTTP/1.1\r\nHost: x\r\na: "
    let end = "\r\n\r\n"
    func head(_ size: Int) -> [UInt8] {
      let filling = size - start.utf8.count - end.utf8.count
      return Array((start + String(repeating: "b", count: filling) + end).utf8)
    }
    #expect(read(head(16 * 1024)) { .max } == ["GET / ?- 2 none true", "body []"])
    #expect(read(head(16 * 1024 + 1)) { .max }.last?.hasPrefix("431") == true)
  }

  @Test func `query values are decoded, and a broken escape is none`() throws {
    var parser = HeadParser(limits: HeadLimits())
    let bytes = Array(
      "GET /a%20b?days=7&as_of=2026%2d01&x=%4&flag&e= HTTP/1.1\r\nHost: x\r\n\r\n".utf8)
    _ = try parser.parse(bytes.span)
    let request = Request(parser, bytes: bytes, peer: .local)
    #expect(request.path == "/a%20b")
    #expect(request.queryValue("days") == "7")
    #expect(request.queryValue("as_of") == "2026-01")
    #expect(request.queryValue("x") == nil)
    #expect(request.queryValue("flag") == "")
    #expect(request.queryValue("e") == "")
    #expect(request.queryValue("none") == nil)
  }

  @Test func `header names are found in any case and all their values are given`() throws {
    var parser = HeadParser(limits: HeadLimits())
    let bytes = Array("GET / HTTP/1.1\r\nHOST: x\r\nA-b: 1 \r\na-B:\t2\r\n\r\n".utf8)
    _ = try parser.parse(bytes.span)
    let headers = Request(parser, bytes: bytes, peer: .local).headers
    #expect(headers["a-b"] == "1")
    #expect(headers.all("a-b") == ["1", "2"])
    #expect(headers.name(at: 0) == "host")
    #expect(headers["c"] == nil)
  }

  @Test func `a header that would start another one is not sent`() {
    var headers = ResponseHeaders()
    let added = [
      headers.add("x", "a\r\nset-cookie: b"), headers.add("x y", "a"),
      headers.add("Content-Length", "5"), headers.add("X-Good", "a b"),
    ]
    #expect(added == [false, false, false, true])
    #expect(String(decoding: headers.bytes, as: UTF8.self) == "x-good: a b\r\n")
  }
}
