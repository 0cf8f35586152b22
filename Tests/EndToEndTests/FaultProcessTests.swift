// The process itself: a second one, bad configurations, an orderly end with streams open, and a
// violent one. What was open is accounted for, what was settled stays settled.

import Base
import Foundation
import Synchronization
import TestSupport
import Testing

/// An upstream that begins and does not end: a stream with some content, and silence.
private let lasting: [String: FaultyUpstream.Behaviour] = [
  "stream": { socket in
    try socket.send(
      Array(FaultyUpstream.streamHead.utf8) + FaultyUpstream.start() + FaultyUpstream.delta())
    // Ends when the gateway closes.
    _ = try? socket.receive()
  },
  "silence": { socket in _ = try? socket.receive() },
]

@Suite(.serialized) struct FaultProcessTests {
  @Test func `a second server on the same ledger names the first one's pid and changes nothing`()
    async throws
  {
    let bed = try await FaultBed(try FaultyUpstream([:]))
    let server = try await bed.serve()
    let second = try await bed.run("serve", "--config", bed.configurationPath)
    let pid = try #require(server.process.pid)
    #expect(second.end == .exited(1))
    #expect(second.errors.contains("is in use by another process (pid \(pid)); stop it"))
    #expect(second.errors.filter { $0 == "\n" }.count == 1 && second.output.isEmpty)
    #expect(try await server.ask("good").status == 200)
    #expect(
      try await bed.json("status")["server"] == .string("running"), "the socket is the first's")
    #expect(try await server.process.terminate() == .exited(0))
    try await bed.expectSoundBooks()
  }

  @Test(arguments: [
    (#"{"listen": "127.0.0.1:0", "#, "daybook.json:1: "),
    ("{\n\"listen\": 8080}", "daybook.json:2: listen: "),
    ("{\n\n\"gatewya\": {}}", "daybook.json:3: gatewya: unknown key; did you mean \"gateway\"?"),
    (
      "{\"groups\": [],\n\"accounts\": [\n{\"name\": \"a\", \"platform\": \"claude\"}]}",
      "daybook.json:3: accounts[0]"
    ),
    ("{\"gateway\":\n{\"drain_seconds\": -1}}", "daybook.json:2: gateway.drain_seconds: "),
    ("", "daybook.json:1: "),
    ("\u{FF}\0", "daybook.json:1: "),
  ])
  func `a bad configuration is refused with its line, and kept out of a running server`(
    text: String, words: String
  ) async throws {
    let bed = try await FaultBed(try FaultyUpstream([:]))
    let server = try await bed.serve()
    try bed.configure(text)
    server.process.kill(SIGHUP)
    try await server.process.complained("the configuration was not reloaded, the old one stays")
    let logged = words.replacing("\"", with: "\\\"")
    #expect(server.process.errors.contains(logged), "\(server.process.errors)")
    #expect(try await server.ask("good").status == 200)
    #expect(try await server.process.terminate() == .exited(0))

    let refused = try await bed.run("serve", "--config", bed.configurationPath)
    #expect(refused.end == .exited(1) && refused.output.isEmpty)
    #expect(refused.errors.contains(words) && refused.errors.filter { $0 == "\n" }.count == 1)
    try await bed.expectSoundBooks()
  }

  @Test func `SIGTERM settles open streams as partial within its time and leaves none unknown`()
    async throws
  {
    let upstream = try FaultyUpstream(lasting)
    let bed = try await FaultBed(upstream, gateway: #""shutdown_seconds": 2"#)
    let server = try await bed.serve()
    async let streams = Self.open(4, "stream", until: "word ", server)
    async let silent = Self.open(2, "silence", until: nil, server)
    try await upstream.awaitRequests("stream", 4)
    try await upstream.awaitRequests("silence", 2)
    let sockets = try await streams
    let begun = ContinuousClock.now
    #expect(try await server.process.terminate() == .exited(0))
    #expect(ContinuousClock.now - begun < .seconds(7), "shutdown_seconds + 5")
    for socket in sockets {
      let rest = try await onThread { try socket.receiveAllText() }
      #expect(rest.contains("event: error\n") && rest.hasSuffix("0\r\n\r\n"), "\(rest)")
    }
    for socket in try await silent {
      let answer = Received(try await onThread { try socket.receiveAll() })
      #expect(answer.status == 503 && answer.isWhole, "\(answer)")
    }
    let settled = try await bed.events("forward_settled")
    #expect(settled.count == 4)
    #expect(settled.allSatisfy { $0["partial"] == .bool(true) })
    #expect(Set(settled.map { $0["reason"]?.string }) == ["shutdown"])
    #expect(try await bed.events("forward_failed").count == 2)
    try await bed.expectSoundBooks()
    let again = try await bed.serve()
    #expect(!again.process.errors.contains("outcome unknown"))
    #expect(try await again.process.terminate() == .exited(0))
  }

  @Test func `after kill -9 what was open is outcome unknown and what was settled stays settled`()
    async throws
  {
    let upstream = try FaultyUpstream(lasting)
    let bed = try await FaultBed(upstream)
    let server = try await bed.serve()
    for _ in 0..<3 { #expect(try await server.ask("good").status == 200) }
    async let streams = Self.open(4, "stream", until: "word ", server)
    async let silent = Self.open(2, "silence", until: nil, server)
    try await upstream.awaitRequests("stream", 4)
    try await upstream.awaitRequests("silence", 2)
    _ = try await (streams, silent)
    server.process.kill(SIGKILL)
    #expect(try await server.process.ended() == .killed(signal: SIGKILL))

    let again = try await bed.serve()
    #expect(
      again.process.errors.contains("6 requests were open when the last run ended"),
      "\(again.process.errors)")
    let status = try await bed.json("status")
    #expect(status["unknown_outcomes"]?.integer == 6 && status["open_requests"]?.integer == 0)
    #expect(status["held_usd"]?.string.flatMap { Double($0) } == 0)
    #expect(try await bed.events("outcome_unknown").count == 6)
    #expect(try await bed.events("forward_settled").count == 3)
    #expect(try await again.ask("good").status == 200)
    #expect(try await again.process.terminate() == .exited(0))
    try await bed.expectSoundBooks()
  }

  /// Opens requests, each read up to some text.
  private static func open(
    _ count: Int, _ name: String, until text: String?, _ server: FaultServer
  ) async throws -> [RawSocket] {
    var sockets: [RawSocket] = []
    for _ in 0..<count {
      sockets.append(
        try await onThread {
          let socket = try RawSocket.connect(port: server.port, timeoutSeconds: 60)
          try socket.send(server.request(name, stream: name == "stream"))
          if let text { _ = try socket.receive(until: text) }
          return socket
        })
    }
    return sockets
  }
}
