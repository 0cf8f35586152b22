// The log: formats, escapes, levels, and a sink that is slow or broken.
import Base
import Glibc
import TestSupport
import Testing

@Suite struct LogTests {
  private static let work = LogArea(0, "work")
  private static let own = LogArea(14, "log")
  private static let time = Timestamp(text: "2026-11-22T20:03:00.123456Z")

  private static func log(
    _ sink: LogCatcher, _ change: (inout LogSettings) -> Void = { _ in }, capacity: Int = 1 << 20
  ) throws -> Log {
    var settings = LogSettings()
    change(&settings)
    return try Log(
      areas: [work, own], own: own, settings: settings, sink: sink,
      clock: ManualWallClock(try #require(time)), capacity: capacity)
  }
  /// The value of field `v` as it is written, quotes included.
  private static func written(_ value: [UInt8], _ format: LogFormat) async throws -> String {
    try await onThread {
      let sink = LogCatcher()
      let log = try log(sink) { $0.format = format }
      log.write(.info, work, "said") { $0.field("v", utf8: value.span) }
      log.settle()
      let mark = format == .text ? " v=" : #","v":"#
      let start = try #require(sink.text.firstRange(of: mark)).upperBound
      return String(sink.text[start...].dropLast(format == .text ? 1 : 2))
    }
  }

  @Test func `a text line is time, level, area, message and fields`() async throws {
    try await onThread {
      let sink = LogCatcher()
      let log = try Self.log(sink)
      log.write(.warn, Self.work, "it went wrong") {
        $0.field("id", "01KABC")
        $0.field("name", "two words")
        $0.field("empty", "")
        $0.field("count", 3)
        $0.field("flag", true)
        $0.field("usd", decimal: 10_250_000_000, scale: 9)
      }
      log.settle()
      #expect(
        sink.text == "2026-11-22T20:03:00.123456Z warn work it went wrong id=01KABC "
          + "name=\"two words\" empty=\"\" count=3 flag=true usd=10.25\n")
    }
  }

  @Test func `a JSON line is one object with the same members`() async throws {
    try await onThread {
      let sink = LogCatcher()
      let log = try Self.log(sink) { $0.format = .json }
      log.write(.info, Self.work, "done") {
        $0.field("name", "two words")
        $0.field("count", -3)
        $0.field("flag", false)
        $0.field("usd", decimal: 1, scale: 9)
      }
      log.settle()
      #expect(
        sink.text == #"{"time":"2026-11-22T20:03:00.123456Z","level":"info","area":"work","#
          + #""message":"done","name":"two words","count":-3,"flag":false,"usd":0.000000001}"#
          + "\n")
    }
  }

  @Test(arguments: [
    (Array("a\nb\r\tc".utf8), #""a\nb\r\tc""#, #""a\nb\r\tc""#),
    (Array("\u{1B}[31mred".utf8), #""\x1b[31mred""#, #""\u001b[31mred""#),
    ([0, 0x7F], #""\x00\x7f""#, #""\u0000\u007f""#),
    (Array("\u{85}\u{9B}".utf8), #""\u0085\u009b""#, #""\u0085\u009b""#),
    (Array("\u{2028}\u{2029}".utf8), #""\u2028\u2029""#, #""\u2028\u2029""#),
    (Array("\u{202E}\u{2066}".utf8), #""\u202e\u2066""#, #""\u202e\u2066""#),
    ([0x61, 0xFF, 0xC3, 0x28], #""a\xff\xc3(""#, #""a\ufffd\ufffd(""#),
    ([0xED, 0xA0, 0x80], #""\xed\xa0\x80""#, #""\ufffd\ufffd\ufffd""#),
    (Array(#"a"b\c=d"#.utf8), #""a\"b\\c=d""#, #""a\"b\\c=d""#),
    (Array("钱包 é".utf8), "\"钱包 é\"", "\"钱包 é\""),
    (Array("k=v level=error".utf8), "\"k=v level=error\"", "\"k=v level=error\""),
    (Array("claude-opus-5-5".utf8), "claude-opus-5-5", "\"claude-opus-5-5\""),
  ])
  func `text from outside cannot leave its place`(
    value: [UInt8], text: String, json: String
  ) async throws {
    #expect(try await Self.written(value, .text) == text)
    #expect(try await Self.written(value, .json) == json)
  }

  @Test(arguments: LogFormat.allCases)
  func `a value has at most 256 bytes as written, cut between its escapes`(
    format: LogFormat
  ) async throws {
    for unit in ["x", "é", "钱", "\u{1F600}", "\n", "\u{2028}", "\"", "\u{1B}"] {
      for count in [1, 85, 255, 256, 257, 100_000] {
        let value = try await Self.written(
          Array(String(repeating: unit, count: count).utf8), format)
        let inside = value.hasPrefix("\"") ? String(value.dropFirst().dropLast()) : value
        #expect(inside.utf8.count <= 256, "\(unit.debugDescription) x \(count)")
        if inside.hasSuffix("…") { #expect(inside.utf8.count > 240) }
        if format == .json { #expect((try? JSONParser().parse(value)) != nil, "\(value)") }
      }
    }
  }

  @Test func `no random bytes break a line or its JSON`() async throws {
    let seed = UInt64.random(in: 0...UInt64.max)
    var state = seed
    for _ in 0..<200 {
      var value: [UInt8] = []
      for _ in 0..<(state >> 60) * 40 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        value.append(UInt8(truncatingIfNeeded: state >> 56))
      }
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      let json = try await Self.written(value, .json)
      #expect((try? JSONParser().parse(json)) != nil, "seed \(seed): \(json)")
      let text = try await Self.written(value, .text)
      #expect(text.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F }, "seed \(seed): \(text)")
    }
  }

  @Test func `an area shows its own level and what is more serious`() async throws {
    try await onThread {
      let sink = LogCatcher()
      let log = try Self.log(sink) {
        $0.level = .off
        $0.levels = ["work": .warn]
      }
      for level in LogLevel.allCases where level != .off {
        log.write(level, Self.work, "work") { $0.field("l", level.rawValue) }
        log.write(level, Self.own, "own") { $0.field("l", level.rawValue) }
      }
      log.settle()
      #expect(
        sink.lines.map { $0.split(separator: " ")[1...2] } == [
          ["error", "work"], ["warn", "work"],
        ])
    }
  }

  @Test func `fields of a line that is off are never asked for`() async throws {
    try await onThread {
      let log = try Self.log(LogCatcher()) { $0.level = .warn }
      log.write(.info, Self.work, "off") { _ in Issue.record("asked for") }
      Log.silent.write(.error, Self.work, "off") { _ in Issue.record("asked for") }
    }
  }

  @Test func `levels and format change while it runs`() async throws {
    try await onThread {
      let sink = LogCatcher()
      let log = try Self.log(sink) { $0.level = .error }
      log.write(.info, Self.work, "unseen")
      var settings = LogSettings()
      settings.format = .json
      log.adopt(settings)
      log.write(.info, Self.work, "seen")
      log.settle()
      #expect(sink.lines.count == 1 && sink.text.contains(#""message":"seen""#))
    }
  }

  @Test func `a blocked sink holds nobody up; what finds no room is counted and told`()
    async throws
  {
    try await onThread {
      let sink = LogCatcher(blocked: true)
      let log = try Self.log(sink, capacity: 2000)
      log.write(.info, Self.work, "first")
      sink.waitUntilReached()
      for i in 0..<1000 { log.write(.info, Self.work, "more") { $0.field("i", i) } }
      let dropped = log.droppedLines
      #expect(dropped > 900 && dropped < 1000)
      #expect(!log.flush(until: SystemMonotonicClock().now), "it is still blocked")
      sink.open()
      #expect(log.settle())
      let kept = 1000 - dropped
      #expect(sink.lines.count == 1 + kept + 1)
      #expect(sink.lines[1..<1 + kept].enumerated().allSatisfy { $1.hasSuffix(" i=\($0)") })
      #expect(
        sink.lines.last?.hasSuffix("lines were lost, their reader is slow lines=\(dropped)")
          == true)
      #expect(log.droppedLines == dropped, "the loss is told once")
      log.write(.info, Self.work, "again")
      log.settle()
      #expect(sink.lines.last?.hasSuffix("again") == true)
    }
  }

  @Test func `a sink that takes nothing costs lines, and they are counted`() async throws {
    try await onThread {
      let log = try Self.log(LogCatcher(broken: true))
      for _ in 0..<10 { log.write(.info, Self.work, "lost") }
      log.settle()
      #expect(log.droppedLines == 10 && log.writtenLines == 0)
    }
  }

  @Test func `a burst is written in whole lines of at most a page`() async throws {
    try await onThread {
      let sink = LogCatcher(blocked: true)
      let log = try Self.log(sink)
      log.write(.info, Self.work, "first")
      sink.waitUntilReached()
      for i in 0..<300 {
        log.write(.info, Self.work, "line") {
          for _ in 0..<(i % 25) { $0.field("v", String(repeating: "y", count: 200)) }
        }
      }
      sink.open()
      log.settle()
      #expect(sink.lines.count == 301 && log.writtenLines == 301)
      for piece in sink.pieces {
        let lines = piece.count { $0 == 0x0A }
        #expect(piece.last == 0x0A && (piece.count <= 4096 || lines == 1))
      }
    }
  }

  @Test func `a full pipe that does not block gets every byte once it is read`() async throws {
    try await onThread {
      var ends: [Int32] = [0, 0]
      try #require(pipe(&ends) == 0)
      defer { for end in ends { close(end) } }
      _ = fcntl(ends[1], F_SETFL, O_NONBLOCK)
      let log = try Log(
        areas: [Self.work, Self.own], own: Self.own, settings: LogSettings(),
        sink: DescriptorSink(ends[1]))
      let count = 2000
      for i in 0..<count {
        log.write(.info, Self.work, "line") {
          $0.field("i", i)
          $0.field("v", String(repeating: "z", count: 100))
        }
      }
      var text: [UInt8] = []
      var buffer = [UInt8](repeating: 0, count: 65_536)
      while text.count(where: { $0 == 0x0A }) < count {
        let got = read(ends[0], &buffer, buffer.count)
        try #require(got > 0)
        text += buffer[..<got]
      }
      let lines = String(decoding: text, as: UTF8.self).split(separator: "\n")
      #expect(lines.enumerated().allSatisfy { $1.contains(" i=\($0) ") })
    }
  }
}
