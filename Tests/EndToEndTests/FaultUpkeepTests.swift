// The ledger looked after while it serves, by the real binary: backups, compaction, receipts and
// audits, a restore and a repair; and its files read by the stock LZ4 tool.
import Base
import Foundation
import TestSupport
import Testing

@Suite struct FaultUpkeepTests {
  private static func upstream() throws -> FaultyUpstream { try FaultyUpstream([:]) }

  private static func read(_ path: String) throws -> [UInt8] {
    Array(try Data(contentsOf: URL(fileURLWithPath: path)))
  }

  @Test func `a backup of a serving ledger is restored, verified and goes on`() async throws {
    let bed = try await FaultBed(try Self.upstream())
    let server = try await bed.serve()
    #expect(try await server.ask("good").status == 200)
    let backup = bed.folder + "/backup"
    let first = try await bed.json("backup", backup)
    #expect(try await server.ask("good").status == 200)
    let second = try await bed.json("backup", backup)
    #expect(first["copied_bytes"]?.integer ?? 0 > second["copied_bytes"]?.integer ?? 0)
    let status = try await bed.json("status")
    let vkey = try #require(status["vkey"]?.string)
    #expect(try await bed.json("compact")["out_of_room"] == .bool(false))
    let intact = try await bed.json("verify")
    #expect(intact["intact"] == .bool(true) && intact["root"]?.string != nil)
    #expect(intact["heads_checked"]?.integer ?? 0 > 0)
    #expect(try await server.process.terminate() == .exited(0))

    let restored = bed.folder + "/restored"
    func run(_ words: String...) async throws -> (end: ProcessEnd, output: String, errors: String) {
      try await ServerProcess.run(
        ["--data", restored] + words, environment: FaultBed.environment)
    }
    let done = try await run("backup", backup, "--restore", "--json")
    #expect(done.end == .exited(0), "\(done.errors)")
    let report = try JSONParser().parse(done.output)
    #expect(
      report["keeps_tree"] == .bool(false) && report["last_sequence"] == second["last_sequence"])
    #expect(try await run("verify").end == .exited(0))
    let balance = try await run("balance", "rich", "--json")
    #expect(balance.end == .exited(0))
    let events = try await run("cat", "--type", "ledger_restored")
    #expect(events.output.split(separator: "\n").count == 1)
    #expect(try await run("backup", backup, "--restore").end == .exited(1), "it is not empty now")
    let other = try await run("status", "--json")
    #expect(try JSONParser().parse(other.output)["vkey"]?.string != vkey)
  }

  @Test func `a receipt and an audit prove a served charge, offline and from outside`()
    async throws
  {
    let bed = try await FaultBed(try Self.upstream())
    let server = try await bed.serve()
    #expect(try await server.ask("good").status == 200)
    let settled = try #require(try await bed.events("forward_settled").last)
    let id = try #require(settled["request_id"]?.string)
    let vkey = try #require(try await bed.json("status")["vkey"]?.string)
    let file = bed.folder + "/charge.tlog-proof"
    #expect(try await bed.run("receipt", id, "--out", file).end == .exited(0))
    let checked = try await bed.json("verify-receipt", file, "--vkey", vkey)
    #expect(checked["event"] == settled && checked["charge"]?["agrees"] == .bool(true))

    let head = bed.folder + "/head"
    let proof = String(decoding: try Self.read(file), as: UTF8.self)
    let note = try #require(proof.components(separatedBy: "\n\n").dropFirst().first)
    let signature = try #require(proof.components(separatedBy: "\n\n").last)
    try Data("\(note)\n\n\(signature)".utf8).write(to: URL(fileURLWithPath: head))
    #expect(try await server.ask("good").status == 200)
    #expect(try await bed.json("audit", "--since", head)["grown"] == .bool(true))
    let outside = try await bed.json(
      "audit", "--since", head, "--vkey", vkey, "--url", "http://127.0.0.1:\(server.port)/ledger")
    #expect(outside["grown"] == .bool(true))
    #expect(try await server.process.terminate() == .exited(0))
    #expect(try await bed.json("audit", "--since", head)["grown"] == .bool(true))

    // One byte of a record changed: the receipt stands, the log does not.
    let segment = try #require(
      try FileManager.default.contentsOfDirectory(atPath: bed.data + "/segments").first)
    var bytes = try Self.read(bed.data + "/segments/" + segment)
    bytes[200] ^= 1
    try Data(bytes).write(to: URL(fileURLWithPath: bed.data + "/segments/" + segment))
    #expect(try await bed.run("verify-receipt", file, "--vkey", vkey).end == .exited(0))
    #expect(try await bed.run("audit", "--since", head).end == .exited(3))
    #expect(try await bed.run("verify").end == .exited(3))
    let plan = try await bed.json("repair")
    #expect(plan["needed"] == .bool(true) && plan["applied"] == .bool(false))
    let from = (plan["keeps_through"]?.integer ?? 0) + 1
    #expect(try await bed.run("repair", "--apply", "--reason", "test").end == .exited(2))
    let done = try await bed.json(
      "repair", "--apply", "--reason", "test", "--from", "\(from)")
    #expect(done["ends_tree"] == .bool(true))
    #expect(try await bed.run("verify").end == .exited(0))
    #expect(try await bed.events("repaired").count == 1)
  }

  @Test func `the stock LZ4 tool gives exactly the records that cat prints`() async throws {
    let bed = try await FaultBed(
      try Self.upstream(), more: #""ledger": {"segment_bytes": 1048576}"#)
    let server = try await bed.serve()
    for _ in 0..<4 { #expect(try await server.ask("good").status == 200) }
    #expect(try await server.process.terminate() == .exited(0))
    let events = try await bed.events()
    let folder = bed.data + "/segments/"
    let names = try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
    var records: [UInt8] = []
    for name in names {
      let raw = bed.folder + "/raw"
      try FaultTool.run("lz4", "-dqf", folder + name, raw)
      records += try Self.read(raw)
    }
    var offset = 0
    for event in events {
      try #require(records.count - offset >= 16, "\(event)")
      let length = (0..<4).reduce(0) { $0 | Int(records[offset + $1]) << (8 * $1) }
      let time = (0..<8).reduce(Int64(0)) {
        $0 | Int64(records[offset + 8 + $1]) << (8 * Int64($1))
      }
      #expect(event["time"]?.string == Timestamp(microseconds: time).text(fraction: .microseconds))
      offset += length
    }
    #expect(offset == records.count, "and nothing besides")
  }
}
