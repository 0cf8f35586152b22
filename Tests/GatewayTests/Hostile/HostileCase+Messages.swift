// Answers that are not streams: heads, lengths, statuses, JSON, usage.
import Ledger
import TestSupport

@testable import Gateway

extension HostileCase {
  static let messages = heads + lengths + statuses + bodies + usages

  private static let well = Outcome.charged(input: 10, output: 5)
  private static func answer(_ body: String) -> String { BareUpstream.json(body) }
  private static func head(_ lines: String, body: String = good) -> String {
    "\(lines)\r\ncontent-length: \(body.utf8.count)\r\n\r\n\(body)"
  }

  private static let heads: [HostileCase] = [
    .json("nothing at all", .refused(502)) { _ in },
    .json("HTTP/0.9", .refused(502), "this is no head at all\n"),
    .json("binary noise", .refused(502), "\0\u{1}\u{2}\u{3}\r\n\r\n"),
    .json("HTTP/2 preface", .refused(502), "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    .json("half a head", .refused(502), "HTTP/1.1 200 OK\r\ncontent-"),
    .json("status of two digits", .refused(502), head("HTTP/1.1 20 OK")),
    .json("status 999", .refused(502), head("HTTP/1.1 999 Odd")),
    .json("status 600", .refused(502), head("HTTP/1.1 600 Odd")),
    .json("status that is a word", .refused(502), head("HTTP/1.1 OK")),
    .json("no reason phrase", well, head("HTTP/1.1 200")),
    .json("bare line feeds", well, head("HTTP/1.1 200 OK").replacing("\r\n", with: "\n")),
    .json("NUL in a header", .refused(502), head("HTTP/1.1 200 OK\r\nx-odd: a\0b")),
    .json("header without a colon", .refused(502), head("HTTP/1.1 200 OK\r\nnonsense")),
    .json("bytes of no encoding in a header", well) { socket in
      try socket.send(
        Array("HTTP/1.1 200 OK\r\nrequest-id: ".utf8) + [0xFF, 0xC0]
          + Array("\r\ncontent-length: \(good.utf8.count)\r\n\r\n\(good)".utf8))
    },
    .json(
      "a hundred interim answers", well,
      String(repeating: "HTTP/1.1 103 Early Hints\r\nlink: a\r\n\r\n", count: 100)
        + answer(good)),
    .json(
      "100 Continue that nobody waits for", well,
      "HTTP/1.1 100 Continue\r\n\r\n" + answer(good)),
    .json(
      "switching protocols", .refused(502),
      "HTTP/1.1 101 Switching Protocols\r\nupgrade: h2c\r\nconnection: upgrade\r\n\r\n"),
    .json(
      "gzip nobody asked for", .refused(502),
      BareUpstream.json(good, headers: "content-encoding: gzip\r\n")),
    .json(
      "an unknown coding", .refused(502),
      BareUpstream.json(good, headers: "content-encoding: pig-latin\r\n")),
    .json(
      "identity, said so", well,
      BareUpstream.json(good, headers: "content-encoding: Identity\r\n")),
    .json(
      "a request-id of one endless character", well,
      BareUpstream.json(
        good,
        headers: "request-id: a\(String(repeating: "\u{301}", count: 20_000))\r\n")),
  ]

  private static func length(_ text: String) -> String {
    "HTTP/1.1 200 OK\r\ncontent-length: \(text)\r\n\r\n\(good)"
  }
  private static let lengths: [HostileCase] = [
    .json("length too short", .refused(502), length("\(good.utf8.count - 10)")),
    .json("length too long", .refused(502), length("\(good.utf8.count + 10)")),
    .json("length negative", .refused(502), length("-1")),
    .json("length a word", .refused(502), length("many")),
    .json("length beyond all numbers", well, length("99999999999999999999999999")),
    .json(
      "length twice, equal", well,
      length("\(good.utf8.count)\r\ncontent-length: \(good.utf8.count)")),
    .json(
      "length twice, different", .refused(502),
      length("\(good.utf8.count)\r\ncontent-length: 20")),
    .json("length zero", .refused(502), length("0")),
    .json("no length, ended by closing", well, "HTTP/1.1 200 OK\r\n\r\n\(good)"),
    .json(
      "chunks and a length", well,
      "HTTP/1.1 200 OK\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n"
        + BareUpstream.chunk(good) + BareUpstream.streamEnd),
    .json("chunk size negative", .refused(502), chunked("-5\r\n\(good)\r\n0\r\n\r\n")),
    .json("chunk size a word", .refused(502), chunked("zz\r\n\(good)\r\n0\r\n\r\n")),
    .json(
      "chunk size beyond all numbers", .refused(502),
      chunked("ffffffffffffffffff\r\n\(good)\r\n0\r\n\r\n")),
    .json("chunks without an end", .refused(502), chunked(BareUpstream.chunk(good))),
  ]
  private static func chunked(_ body: String) -> String {
    "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n\(body)"
  }

  private static let statuses: [HostileCase] =
    [301, 302, 303, 307, 308].map { status in
      .json(
        "redirect \(status)", .refused(502),
        BareUpstream.json(
          good, status: "\(status) Elsewhere", headers: "location: http://127.0.0.1:1/\r\n"))
    } + [
      .json("204", .refused(502), "HTTP/1.1 204 No Content\r\n\r\n"),
      .json("204 with a body", .refused(502), BareUpstream.json(good, status: "204 No Content")),
      .json("206", well, BareUpstream.json(good, status: "206 Partial Content")),
      .json("304", .refused(502), "HTTP/1.1 304 Not Modified\r\n\r\n"),
      .json(
        "an error under 200", .refused(502),
        answer(#"{"type":"error","error":{"type":"api_error","message":"no"}}"#)),
      .json(
        "418 without a body", .refused(418), "HTTP/1.1 418 Teapot\r\ncontent-length: 0\r\n\r\n"),
      .json(
        "404 that breaks off", .refused(404),
        "HTTP/1.1 404 Not Found\r\ncontent-length: 500\r\n\r\n{"),
      .json(
        "retry-after beyond all numbers", .refused(429),
        BareUpstream.error(
          429, "rate_limit_error", "no", headers: "retry-after: 99999999999999999999\r\n")),
      .json(
        "a reset at the end of time", .refused(429),
        BareUpstream.error(
          429, "rate_limit_error", "no",
          headers: "anthropic-ratelimit-unified-reset: 9223372036854775807\r\n")),
    ]

  private static let bodies: [HostileCase] =
    [
      "", " ", "null", "[]", "7", "\"text\"", "{}", #"{"type":"message"}"#, "<html>no</html>",
      "\u{FEFF}" + good, "\0" + good, good + good, good + "x", String(good.dropLast()),
      good.replacing("end_turn", with: "end\0turn"), deep(1000), #"{"x":\#(deep(1000))}"#,
      good.replacing("Hello", with: #"\ud8zz"#),
    ].enumerated().map { index, body in
      .json("body that is no message, \(index)", .refused(502), answer(body))
    } + [
      .json("bytes of no encoding in the body", .refused(502)) { socket in
        let body = Array(good.replacing("Hello", with: "~~~~~").utf8).map { $0 == 126 ? 0xFF : $0 }
        try socket.send(
          Array("HTTP/1.1 200 OK\r\ncontent-length: \(body.count)\r\n\r\n".utf8) + body)
      },
      .json("half a surrogate pair", well, answer(good.replacing("Hello", with: #"\ud800"#))),
      .json(
        "an id of one endless character", well,
        answer(
          good.replacing(
            "msg_01HostileAnswer", with: "a" + String(repeating: "\u{301}", count: 100_000)))),
      .json(
        "a stop reason as long as a book", well,
        answer(good.replacing("end_turn", with: String(repeating: "stop", count: 100_000)))),
      .json(
        "members of the wrong kinds", .estimated(.usageMissing),
        answer(#"{"id":7,"model":{},"stop_reason":[],"content":[{"text":"four"},7,null]}"#)),
      .json(
        "a hundred thousand unknown counts", well,
        answer(
          BareUpstream.message(
            usage: #"{"input_tokens":10,"output_tokens":5"#
              + (0..<100_000).map { ",\"x\($0)\":1" }.joined() + "}"))),
      .json(
        "iterations without end", well,
        answer(
          BareUpstream.message(
            usage: #"{"input_tokens":10,"output_tokens":5,"iterations":["#
              + Array(repeating: #"{"type":"message"}"#, count: 50_000).joined(separator: ",")
              + "]}"))),
    ]

  private static let usages: [HostileCase] =
    [
      (#"{"input_tokens":-10,"output_tokens":-5}"#, Outcome.estimated(.usageInvalid)),
      (#"{"input_tokens":10000000000000000000,"output_tokens":5}"#, .estimated(.usageInvalid)),
      (#"{"input_tokens":10,"output_tokens":1000000001}"#, .estimated(.usageInvalid)),
      (#"{"input_tokens":1.5,"output_tokens":5}"#, .estimated(.usageInvalid)),
      (#"{"input_tokens":10,"output_tokens":5e400000000}"#, .estimated(.usageInvalid)),
      (#"{"input_tokens":10,"output_tokens":1e-400000000}"#, .estimated(.usageInvalid)),
      (#"{"input_tokens":"10","output_tokens":"5"}"#, .estimated(.usageInvalid)),
      (#"{"input_tokens":[10],"output_tokens":{"a":5}}"#, .estimated(.usageInvalid)),
      (#"{"input_tokens":true,"output_tokens":5}"#, .estimated(.usageInvalid)),
      (
        #"{"input_tokens":10,"output_tokens":5,"cache_read_input_tokens":-1}"#,
        .estimated(.usageInvalid)
      ),
      (
        #"{"input_tokens":10,"output_tokens":5,"server_tool_use":{"web_search_requests":-1}}"#,
        .estimated(.usageInvalid)
      ),
      (#"{"input_tokens":null,"output_tokens":null}"#, .estimated(.usageMissing)),
      (#"{"input_tokens":10}"#, .estimated(.noDelta)),
      ("null", .estimated(.usageMissing)),
      ("[]", .estimated(.usageMissing)),
      ("\"10\"", .estimated(.usageMissing)),
      // Numbers that are whole, however they are written.
      (#"{"input_tokens":1e1,"output_tokens":5.0}"#, well),
      (#"{"input_tokens":10,"output_tokens":1e3}"#, .charged(input: 10, output: 1000)),
      (#"{"input_tokens":0,"output_tokens":0}"#, .charged(input: 0, output: 0)),
      (#"{"input_tokens":7,"input_tokens":10,"output_tokens":5}"#, well),
      (
        #"{"input_tokens":1000000000,"output_tokens":1000000000}"#,
        .charged(input: 1_000_000_000, output: 1_000_000_000)
      ),
      (
        #"{"input_tokens":10,"output_tokens":5,"cache_creation":7,"server_tool_use":[]}"#,
        well
      ),
    ].enumerated().map { index, usage in
      .json("usage \(index)", usage.1, answer(BareUpstream.message(usage: usage.0)))
    }
}
