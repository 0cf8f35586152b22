// What could be read in two ways, or is too much, is refused and the connection closed; what
// follows it on the connection is never taken for a request.

import HTTP
import TestSupport
import Testing

struct HygieneCase: Sendable, CustomTestStringConvertible {
  let name: String
  let status: Int
  let text: String
  var testDescription: String { name }
  init(_ name: String, _ status: Int, _ text: String) {
    self.name = name
    self.status = status
    self.text = text
  }
}

/// A POST with these field lines (Host is added) and body, and a request smuggled behind it.
private func post(_ fields: String, _ body: String = "", version: String = "1.1") -> String {
  "POST /first HTTP/\(version)\r\nHost: x\r\n\(fields)\r\n\(body)" + smuggled
}
private func get(_ fields: String) -> String { "GET /first HTTP/1.1\r\n\(fields)\r\n" + smuggled }
private let smuggled = "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"

private let many = String(repeating: "a: b\r\n", count: 101)
private let long = "x: " + String(repeating: "y", count: 20_000) + "\r\n"

@Suite struct HygieneTests {
  static let framing: [HygieneCase] = [
    .init(
      "length and chunked", 400,
      post("Content-Length: 30\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n")),
    .init(
      "chunked and length", 400,
      post("Transfer-Encoding: chunked\r\nContent-Length: 30\r\n", "0\r\n\r\n")),
    .init("empty length", 400, post("Content-Length: \r\n")),
    .init(
      "two different lengths", 400, post("Content-Length: 5\r\nContent-Length: 6\r\n", "abcde")),
    .init("two equal lengths", 400, post("Content-Length: 5\r\nContent-Length: 5\r\n", "abcde")),
    .init("length +5", 400, post("Content-Length: +5\r\n", "abcde")),
    .init("length -1", 400, post("Content-Length: -1\r\n", "abcde")),
    .init("length 5, 5", 400, post("Content-Length: 5, 5\r\n", "abcde")),
    .init("length 0x5", 400, post("Content-Length: 0x5\r\n", "abcde")),
    .init("length with inner space", 400, post("Content-Length: 1 0\r\n", "abcde")),
    .init("length over 64 bits", 413, post("Content-Length: 99999999999999999999\r\n")),
    .init("length over the limit", 413, post("Content-Length: 10000000000\r\n")),
    .init("unknown coding", 501, post("Transfer-Encoding: xchunked\r\n", "0\r\n\r\n")),
    .init("two codings", 501, post("Transfer-Encoding: identity, chunked\r\n", "0\r\n\r\n")),
    .init("chunked twice", 501, post("Transfer-Encoding: chunked, chunked\r\n", "0\r\n\r\n")),
    .init(
      "chunked in two fields", 501,
      post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n")),
    .init("empty coding", 501, post("Transfer-Encoding:\r\n", "0\r\n\r\n")),
    .init(
      "chunked on 1.0", 400, post("Transfer-Encoding: chunked\r\n", "0\r\n\r\n", version: "1.0")),
  ]
  static let chunks: [HygieneCase] = [
    ("size overflows", 413, "fffffffffffffffff\r\nabc\r\n0\r\n\r\n"),
    ("size above all memory", 413, "7fffffffffffffff\r\nabc\r\n0\r\n\r\n"),
    ("size over the limit", 413, "1000000000\r\nabc\r\n0\r\n\r\n"),
    ("negative size", 400, "-1\r\nabc\r\n0\r\n\r\n"),
    ("size with a sign", 400, "+3\r\nabc\r\n0\r\n\r\n"),
    ("size with 0x", 400, "0x3\r\nabc\r\n0\r\n\r\n"),
    ("size with a space before", 400, " 3\r\nabc\r\n0\r\n\r\n"),
    ("size with a space behind", 400, "3 \r\nabc\r\n0\r\n\r\n"),
    ("no size", 400, "\r\nabc\r\n0\r\n\r\n"),
    ("bare LF behind the size", 400, "3\nabc\r\n0\r\n\r\n"),
    ("bare LF in an extension", 400, "3;a=\nb\r\nabc\r\n0\r\n\r\n"),
    ("bare CR in an extension", 400, "3;a=\rb\r\nabc\r\n0\r\n\r\n"),
    ("data without CRLF", 400, "3\r\nabcd\r\n0\r\n\r\n"),
    ("data with bare LF", 400, "3\r\nabc\n0\r\n\r\n"),
    ("trailer with a space in its name", 400, "0\r\na b: c\r\n\r\n"),
    ("trailer with bare LF", 400, "0\r\na: c\n\r\n"),
    ("endless chunk line", 400, "3;" + String(repeating: "e", count: 300) + "\r\nabc\r\n0\r\n\r\n"),
  ].map { HygieneCase($0.0, $0.1, post("Transfer-Encoding: chunked\r\n", $0.2)) }
  static let heads: [HygieneCase] = [
    .init("space inside a name", 400, get("Host: x\r\nTransfer Encoding: chunked\r\n")),
    .init("space before the colon", 400, get("Host: x\r\nTransfer-Encoding : chunked\r\n")),
    .init("no colon", 400, get("Host: x\r\nnonsense\r\n")),
    .init("no name", 400, get("Host: x\r\n: a\r\n")),
    .init("obs-fold", 400, get("Host: x\r\na: b\r\n c\r\n")),
    .init("bare LF everywhere", 400, "GET /first HTTP/1.1\nHost: x\n\n" + smuggled),
    .init("bare LF ends a field", 400, get("Host: x\na: b\r\n")),
    .init("bare CR in a value", 400, get("Host: x\r\na: b\rc\r\n")),
    .init("NUL in a value", 400, get("Host: x\r\na: b\0c\r\n")),
    .init("NUL in the target", 400, "GET /\0 HTTP/1.1\r\nHost: x\r\n\r\n"),
    .init("no Host", 400, get("a: b\r\n")),
    .init("two Hosts", 400, get("Host: x\r\nHost: x\r\n")),
    .init("a list of Hosts", 400, get("Host: x, y\r\n")),
    .init("head over 16 KB", 431, get("Host: x\r\n" + long)),
    .init("more than 100 fields", 431, get("Host: x\r\n" + many)),
    .init("target over 8 KB", 414, "GET /\(String(repeating: "a", count: 9000)) HTTP/1.1\r\n\r\n"),
    .init("endless request line", 414, "GET /" + String(repeating: "a", count: 20_000)),
    .init("HTTP/3.7", 505, "GET /first HTTP/3.7\r\nHost: x\r\n\r\n" + smuggled),
    .init("HTTP/1.2", 505, "GET /first HTTP/1.2\r\nHost: x\r\n\r\n" + smuggled),
    .init("no version", 400, "GET /first\r\nHost: x\r\n\r\n" + smuggled),
    .init("lower-case version", 400, "GET /first http/1.1\r\nHost: x\r\n\r\n" + smuggled),
    .init("two spaces", 400, "GET  /first HTTP/1.1\r\nHost: x\r\n\r\n" + smuggled),
    .init("space behind the version", 400, "GET /first HTTP/1.1 \r\nHost: x\r\n\r\n" + smuggled),
    .init("two empty lines first", 400, "\r\n\r\nGET /first HTTP/1.1\r\nHost: x\r\n\r\n"),
    .init("lower-case method", 501, "get /first HTTP/1.1\r\nHost: x\r\n\r\n" + smuggled),
    .init("unknown method", 501, "BREW /first HTTP/1.1\r\nHost: x\r\n\r\n" + smuggled),
    .init("target without a path", 400, "GET first HTTP/1.1\r\nHost: x\r\n\r\n" + smuggled),
    .init("CONNECT", 400, "CONNECT a:443 HTTP/1.1\r\nHost: x\r\n\r\n" + smuggled),
    .init("fragment", 400, "GET /a#b HTTP/1.1\r\nHost: x\r\n\r\n" + smuggled),
    .init("a byte above ASCII in the target", 400, "GET /é HTTP/1.1\r\nHost: x\r\n\r\n"),
    .init("unknown expectation", 417, get("Host: x\r\nExpect: miracles\r\n")),
  ]

  @Test(arguments: framing + chunks + heads)
  func `what is ambiguous or too much is refused and the connection closed`(
    _ row: HygieneCase
  ) async throws {
    try await withServer(echo) { server in
      let reply = try await server.exchange(row.text)
      #expect(reply.hasPrefix("HTTP/1.1 \(row.status) "), "\(reply)")
      #expect(reply.contains("connection: close\r\n"), "\(reply)")
      #expect(!reply.contains("smuggled"), "\(reply)")
      #expect(reply.components(separatedBy: "\r\ndate: ").count == 2, "one answer: \(reply)")
    }
  }

  @Test(arguments: [
    "GET /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    "\r\nGET /a HTTP/1.1\r\nHost: x\r\nConnection: x, Close\r\n\r\n",
    "GET http://h:80/a HTTP/1.1\r\nHost:\r\nconnection:close\r\n\r\n",
    "GET /a HTTP/1.0\r\n\r\n",
    "GET /a HTTP/1.1\r\nhost:  [::1]:80\t\r\nCONNECTION: close\r\nx: \u{e9}\r\n\r\n",
    "GET /a HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
  ])
  func `what is unusual but clear is answered`(_ text: String) async throws {
    try await withServer(echo) { server in
      let reply = try await server.exchange(text)
      #expect(reply.hasPrefix("HTTP/1.1 200 OK\r\n"), "\(reply)")
      #expect(reply.hasSuffix("\r\n\r\nGET /a 0"), "\(reply)")
    }
  }
}
