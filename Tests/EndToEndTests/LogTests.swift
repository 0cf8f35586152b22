// The log of a real server: what is on its standard error, and what never is.
import Base
import Foundation
import TestSupport
import Testing

@Suite struct LogTests {
  private static func upstream() throws -> FaultyUpstream {
    try FaultyUpstream([
      "broken": { socket in
        try socket.send("HTTP/1.1 500 Oops\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
      }
    ])
  }

  @Test func `every line is JSON, ends are told, and no secret is among them`() async throws {
    let bed = try await FaultBed(
      try Self.upstream(), more: #""logs": {"format": "json", "level": "debug"}"#)
    let server = try await bed.serve()
    #expect(try await server.ask("good").status == 200)
    #expect(try await server.ask("broken").status == 502)
    _ = try await bed.json("status")
    _ = try await bed.run("key", "revoke", server.key)
    #expect(try await server.process.terminate() == .exited(0))

    let lines = try server.process.errors.split(separator: "\n").map {
      try #require(try? JSONParser().parse(String($0)), "\($0)")
    }
    for line in lines {
      #expect(Timestamp(text: line["time"]?.string ?? "") != nil)
      #expect(["error", "warn", "info", "debug"].contains(line["level"]?.string))
    }
    func count(_ area: String, _ message: String) -> Int {
      lines.count { $0["area"]?.string == area && $0["message"]?.string == message }
    }
    #expect(count("server", "started") == 1 && count("server", "stopped") == 1)
    #expect(count("request", "done") == 2 && count("upstream", "attempt failed") == 1)
    #expect(count("admin", "command") >= 2)
    #expect(lines.last?["message"]?.string == "stopped", "nothing is lost at the end")
    for secret in [server.key, "sk-ant-secret-of-the-upstream"] {
      #expect(!server.process.errors.contains(secret))
    }
    try await bed.expectSoundBooks()
  }

  @Test func `SIGHUP changes levels and format of a running server`() async throws {
    let bed = try await FaultBed(try Self.upstream())
    let server = try await bed.serve()
    #expect(try await server.ask("good").status == 200)
    try await server.process.complained(" request done ")
    try bed.configure(
      FaultBed.configuration(
        of: bed.upstream,
        more: #""logs": {"format": "json", "level": "off", "levels": {"server": "info"}}"#))
    server.process.kill(SIGHUP)
    try await server.process.complained("is in force")
    #expect(try await server.ask("good").status == 200)
    #expect(try await server.process.terminate() == .exited(0))
    let errors = server.process.errors
    #expect(errors.components(separatedBy: "request done").count == 2, "one in text, none after")
    #expect(!errors.contains(#""area":"request""#) && errors.contains(#""area":"server""#))
    try await bed.expectSoundBooks()
  }
}
