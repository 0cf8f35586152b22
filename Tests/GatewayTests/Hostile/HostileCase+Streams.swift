// Answers that are streams: framing, events out of order, lines cut anywhere, usage in events.
import Ledger
import TestSupport

@testable import Gateway

extension HostileCase {
  static let streams = notStreams + framings + orders + contents + streamUsages

  private static let well = Outcome.charged(input: 10, output: 5)
  private static let body = goodEvents.joined()
  private static func typed(_ type: String, _ body: String) -> String {
    "HTTP/1.1 200 OK\r\ncontent-type: \(type)\r\n\r\n\(body)"
  }

  private static let notStreams: [HostileCase] = [
    .raw("a message instead of a stream", .refused(502), BareUpstream.json(good)),
    .raw("a stream without its type", .refused(502), typed("text/plain", body)),
    .raw("a page", .refused(502), typed("text/html", "<html>no</html>")),
    .raw(
      "an error under 200 instead of a stream", .refused(502),
      BareUpstream.json(#"{"type":"error","error":{"type":"api_error","message":"no"}}"#)),
    .raw("a stream type in capitals", well, typed("TEXT/Event-Stream; charset=utf-8", body)),
    .raw(
      "a packed stream", .refused(502),
      typed("text/event-stream\r\ncontent-encoding: gzip", body)),
    .stream("an empty stream", .refused(502), []),
    .stream("comments only", .refused(502), [": hello\n\n", ":\n\n"]),
    .stream("pings only", .refused(502), [BareUpstream.event("ping", "{}")]),
    .stream(
      "an overloaded upstream", .refused(503),
      [BareUpstream.event("error", #"{"type":"error","error":{"type":"overloaded_error"}}"#)]),
    .stream("an error without words", .refused(502), [BareUpstream.event("error", "")]),
    .stream("data that is no JSON", .refused(502), ["event: message_start\ndata: {{{\n\n"]),
  ]

  private static func drip(_ name: String, _ text: String) -> HostileCase {
    HostileCase(name: name, isStream: true, outcome: well) { socket in
      try socket.send(typed("text/event-stream", ""))
      for byte in text.utf8 { try socket.send([byte]) }
    }
  }
  private static let framings: [HostileCase] = [
    drip("one byte at a time", body),
    drip("one byte at a time, CR LF", body.replacing("\n", with: "\r\n")),
    .raw("CR LF", well, typed("text/event-stream", body.replacing("\n", with: "\r\n"))),
    // The last event of bare CRs ends with the byte behind it, which never comes.
    .raw("bare CR", well, typed("text/event-stream", body.replacing("\n", with: "\r"))),
    .raw("a byte order mark", well, typed("text/event-stream", "\u{FEFF}" + body)),
    .raw(
      "no last chunk", well,
      BareUpstream.streamHead + goodEvents.map(BareUpstream.chunk).joined()),
    .raw(
      "no last event", .charged(input: 10, output: 5),
      typed("text/event-stream", goodEvents.dropLast().joined())),
    .raw(
      "cut in the middle of an event", .partial(.upstreamCut),
      typed("text/event-stream", String(body.dropLast(BareUpstream.messageStop.count + 40)))),
    .raw(
      "a chunk that lies", .partial(.upstreamCut),
      BareUpstream.streamHead + BareUpstream.chunk(goodEvents.prefix(3).joined())
        + "zz\r\nnonsense"),
    .raw(
      "a chunk beyond all numbers", .partial(.upstreamCut),
      BareUpstream.streamHead + BareUpstream.chunk(goodEvents.prefix(3).joined())
        + "ffffffffffffffffff\r\n"),
    .raw(
      "a length that cuts", .partial(.upstreamCut),
      "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: 450\r\n\r\n\(body)"),
    .raw(
      "a length never reached", well,
      "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
        + "content-length: \(body.utf8.count + 100)\r\n\r\n\(body)"),
    .stream(
      "fields nobody knows, and no space", well,
      goodEvents.map { "id: 7\nretry: 1\nx\n" + $0.replacing(": {", with: ":{") }),
    .stream(
      "data over several lines", well,
      goodEvents.map { $0.replacing(#","usage"#, with: "\ndata: ,\"usage") }),
    .stream(
      "events without names", well,
      goodEvents.map { String($0[($0.firstIndex(of: "\n") ?? $0.startIndex)...].dropFirst()) }),
  ]

  private static let orders: [HostileCase] = [
    .stream("message_stop twice", well, goodEvents + [BareUpstream.messageStop]),
    .stream(
      "events behind message_stop", well,
      goodEvents + goodEvents + [BareUpstream.event("error", "{}")]),
    .stream(
      "message_delta before message_start", well,
      [BareUpstream.messageDelta()] + goodEvents),
    .stream("message_start twice", well, [BareUpstream.start()] + goodEvents),
    .stream("content before message_start", well, [BareUpstream.delta()] + goodEvents),
    .stream("message_delta alone", .estimated(.usageMissing), [BareUpstream.messageDelta()]),
    .stream("message_stop alone", .endedForNothing, [BareUpstream.messageStop]),
    .stream(
      "message_start and message_stop alone", .partial(.noDelta),
      [BareUpstream.start(), BareUpstream.messageStop]),
    .stream(
      "a start without usage, a ping, the end", .endedForNothing,
      [
        BareUpstream.start(usage: "null"), BareUpstream.event("ping", #"{"type": "ping"}"#),
      ]),
    .stream("content without a start, and cut", .partial(.upstreamCut), [BareUpstream.delta()]),
    .stream(
      "no message_delta", .partial(.noDelta),
      goodEvents.prefix(4) + [BareUpstream.messageStop]),
    .stream(
      "message_delta twice", .charged(input: 10, output: 9),
      goodEvents.prefix(4) + [
        BareUpstream.messageDelta(usage: #"{"output_tokens":4}"#),
        BareUpstream.messageDelta(usage: #"{"output_tokens":9}"#), BareUpstream.messageStop,
      ]),
    .stream(
      "an error after content", .partial(.upstreamCut),
      goodEvents.prefix(4) + [
        BareUpstream.event("error", #"{"type":"error","error":{"type":"api_error"}}"#)
      ]),
    .stream(
      "an error without a name after content", .partial(.upstreamCut),
      goodEvents.prefix(4) + [
        "data: {\"type\":\"error\",\ndata: \"error\":{\"type\":\"api_error\"}}\n\n"
      ]),
  ]

  private static let contents: [HostileCase] = [
    .stream("NUL in an event", well, insert(BareUpstream.event("odd\0", "a\0b"))),
    .stream("NUL in a delta", well, insert(BareUpstream.delta("\0"))),
    .stream(
      "a delta that is no JSON", well,
      insert(BareUpstream.event("content_block_delta", #"{"delta":{"text":"never ends"#))),
    .stream(
      "a delta of escapes alone", well,
      insert(
        BareUpstream.event("content_block_delta", #"{"delta":{"text":"\u12\ud800\"#))),
    .stream(
      "a delta a thousand levels deep", well,
      insert(BareUpstream.event("content_block_delta", #"{"delta":\#(deep(1000))}"#))),
    .stream(
      "a start a thousand levels deep", well,
      [BareUpstream.event("message_start", #"{"message":\#(deep(1000))}"#)] + goodEvents),
    .stream(
      "a delta of a megabyte", well,
      insert(BareUpstream.delta(String(repeating: "long ", count: 200_000)))),
    .stream(
      "a model's name as long as a book", well,
      [
        BareUpstream.start().replacing(
          "claude-sonnet-5-5", with: String(repeating: "m", count: 300_000))
      ] + goodEvents.dropFirst()),
    .stream(
      "an id of one endless character", well,
      [
        BareUpstream.start().replacing(
          "msg_01HostileAnswer", with: "a" + String(repeating: "\u{301}", count: 100_000))
      ] + goodEvents.dropFirst()),
    .stream(
      "a stop reason of one endless character", well,
      goodEvents.prefix(4) + [
        BareUpstream.messageDelta().replacing(
          "end_turn", with: "a" + String(repeating: "\u{301}", count: 100_000)),
        BareUpstream.messageStop,
      ]),
    .stream(
      "an error type of one endless character", .refused(502),
      [
        BareUpstream.event(
          "error",
          #"{"error":{"type":"a\#(String(repeating: "\u{301}", count: 100_000))"}}"#)
      ]),
    HostileCase(name: "bytes of no encoding", isStream: true, outcome: well) { socket in
      let odd = insert(BareUpstream.delta("~~")).joined()
      try socket.send(
        Array(typed("text/event-stream", odd).utf8).map { $0 == 126 ? 0xFF : $0 })
    },
  ]
  /// The events of a good stream with one more before its end.
  private static func insert(_ event: String) -> [String] {
    goodEvents.prefix(4) + [event] + goodEvents.suffix(2)
  }

  private static let streamUsages: [HostileCase] =
    [
      (#"{"output_tokens":-5}"#, Outcome.estimated(.usageInvalid)),
      (#"{"output_tokens":10000000000000000000}"#, .estimated(.usageInvalid)),
      (#"{"output_tokens":5.5}"#, .estimated(.usageInvalid)),
      (#"{"output_tokens":"5"}"#, .estimated(.usageInvalid)),
      (#"{"output_tokens":null}"#, .estimated(.usageMissing)),
      (#"{"output_tokens":1e3}"#, .charged(input: 10, output: 1000)),
      (#"{"output_tokens":5,"input_tokens":-1}"#, well),
      (#"{"output_tokens":5,"input_tokens":0}"#, well),
      (#"{"output_tokens":5,"input_tokens":20}"#, .charged(input: 20, output: 5)),
      ("null", .estimated(.noDelta)),
      (deep(1000), .partial(.noDelta)),
    ].enumerated().map { index, usage in
      .stream(
        "usage in a stream \(index)", usage.1,
        goodEvents.prefix(4) + [
          BareUpstream.messageDelta(usage: usage.0), BareUpstream.messageStop,
        ])
    }
}
