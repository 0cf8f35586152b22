// Server-sent events: however a stream is cut up, the same events come out.

import HTTP
import Testing

@Suite struct ServerSentEventsTests {
  func scan(_ text: String, pieces: Int = .max) throws -> [String] {
    var scanner = EventScanner()
    var seen: [String] = []
    var rest = Array(text.utf8)[...]
    while !rest.isEmpty {
      let piece = rest.prefix(pieces)
      rest = rest.dropFirst(piece.count)
      scanner.append(piece)
      while let event = try scanner.next() {
        seen.append("\(string(event.name))|\(string(event.data))")
      }
    }
    return seen
  }
  func taken(_ scanner: inout EventScanner) throws -> ArraySlice<UInt8>? { try scanner.next()?.raw }
  func string(_ bytes: ArraySlice<UInt8>) -> String { String(decoding: bytes, as: UTF8.self) }

  static let streams = [
    "event: a\ndata: 1\n\nevent: b\ndata: 2\n\n",
    "event: a\r\ndata: 1\r\n\r\nevent: b\r\ndata: 2\r\n\r\n",
    "event:a\rdata:1\r\revent:b\rdata:2\r\r\n",
    "\u{FEFF}\n\nevent: a\nid: 7\ndata: 1\n\n\n\n"
      + "event: b\nretry: 3\ndata: 2\n\nevent: cut\ndata: off\n",
  ]

  @Test(arguments: streams) func `every line end gives the same events`(_ text: String) throws {
    #expect(try scan(text) == ["a|1", "b|2"])
  }
  @Test(arguments: streams) func `events do not depend on how the stream is cut`(
    _ text: String
  ) throws {
    for size in 1...7 { #expect(try scan(text, pieces: size) == ["a|1", "b|2"], "size \(size)") }
  }
  @Test func `several data lines are joined by line feeds`() throws {
    for size in 1...9 {
      #expect(try scan("data: x\ndata\ndata:  y\n\n", pieces: size) == ["|x\n\n y"])
    }
  }
  @Test func `the raw bytes of all events are the stream`() throws {
    let text = ": ping\n\nevent: a\ndata: {\"x\":1}\n\ndata: 2\n\n"
    var scanner = EventScanner()
    var raw: [UInt8] = []
    for byte in text.utf8 {
      scanner.append([byte])
      while let event = try scanner.next() { raw += event.raw }
    }
    #expect(raw == Array(text.utf8))
    #expect(scanner.remainder.isEmpty)
  }
  @Test func `an event above the limit is an error`() throws {
    var scanner = EventScanner(limit: 100)
    scanner.append(Array("data: ".utf8) + [UInt8](repeating: 120, count: 90))
    #expect(try taken(&scanner) == nil)
    scanner.append([UInt8](repeating: 120, count: 10))
    #expect(throws: EventTooLarge.self) { _ = try taken(&scanner) }
  }
  @Test func `a cut event is the remainder`() throws {
    var scanner = EventScanner()
    scanner.append("data: 1\n\ndata: 2".utf8)
    #expect(try taken(&scanner) != nil)
    #expect(try taken(&scanner) == nil)
    #expect(string(scanner.remainder) == "data: 2")
  }
  @Test func `what is written is read back`() throws {
    var bytes: [UInt8] = []
    appendEvent(name: "ping", data: "{\"type\": \"ping\"}".utf8, to: &bytes)
    appendEvent(name: "", data: "a\r\nb\nc\rd".utf8, to: &bytes)
    let text = String(decoding: bytes, as: UTF8.self)
    #expect(text.hasPrefix("event: ping\ndata: {\"type\": \"ping\"}\n\n"))
    #expect(try scan(text) == ["ping|{\"type\": \"ping\"}", "|a\nb\nc\nd"])
  }
}
