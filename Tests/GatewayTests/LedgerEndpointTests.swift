// GET /ledger/: heads, tiles and the key as anyone may ask for them, against a real ledger.
import Base
import Ledger
import Projections
import TestSupport
import Testing

@testable import Gateway

@Suite struct LedgerEndpointTests {
  /// The head that covers everything appended so far.
  private static func head(_ bed: AdministrationBed) async throws -> TreeHead {
    try bed.live.waitUntilDurable(bed.last)
    while bed.live.tree?.step(signsNow: true) == true {}
    let vkey = try await bed.ask("GET", "/ledger/vkey", headers: [])
    let verifier = try NoteVerifier(vkey: String(vkey.text.dropLast()))
    let answer = try await bed.ask("GET", "/ledger/checkpoint", headers: [])
    #expect(answer.status == 200)
    #expect(answer.header("content-type") == "text/plain; charset=utf-8")
    return try TreeHead(note: answer.text, by: verifier)
  }

  @Test func `a head is served to everyone, and the hashes under it lead to its root`()
    async throws
  {
    let bed = try AdministrationBed()
    for number in 1...300 { try await bed.command("user/add", #"{"name": "user\#(number)"}"#) }
    let head = try await Self.head(bed)
    #expect(head.size == bed.last.value)
    let whole = try await bed.ask("GET", "/ledger/tile/0/000", headers: [])
    #expect(whole.status == 200 && whole.body.count == 8192)
    #expect(whole.header("cache-control") == "public, max-age=31536000, immutable")
    let rest = Int(head.size) - 256
    let partial = try await bed.ask("GET", "/ledger/tile/0/001.p/\(rest)", headers: [])
    #expect(partial.status == 200 && partial.body.count == rest * 32)
    let above = try await bed.ask("GET", "/ledger/tile/1/000.p/1", headers: [])
    #expect(above.body.count == 32)
    var edge = TreeEdge()
    let hashes = whole.body + partial.body
    for start in stride(from: 0, to: hashes.count, by: 32) {
      let hash = try #require(TreeHash(Array(hashes[start..<start + 32])))
      edge.append(hash) { _, _ in }
    }
    #expect(edge.root == head.root && edge.size == head.size)
  }

  @Test func `what the tree does not have, and every other spelling, is not found`() async throws {
    let bed = try AdministrationBed()
    _ = try await Self.head(bed)
    for path in [
      "/ledger/", "/ledger/tile/0/000", "/ledger/tile/0/001", "/ledger/tile/9/000.p/1",
      "/ledger/tile/0/000.p/256", "/ledger/tile/0/../../signing.key", "/ledger/signing.key",
      "/ledger/tile/0/%2e%2e", "/ledger/tile/0/x000/000", "/ledger/checkpoints.log",
    ] {
      let answer = try await bed.ask("GET", path, headers: [])
      #expect(answer.status == 404, "\(path): \(answer.status)")
    }
    #expect(try await bed.ask("POST", "/ledger/checkpoint", "{}", headers: []).status == 405)
  }

  @Test func `records are for the administrator only`() async throws {
    let bed = try AdministrationBed()
    let head = try await Self.head(bed)
    let path = "/ledger/tile/entries/000.p/\(head.size)"
    #expect(try await bed.ask("GET", path, headers: []).status == 401)
    let entries = try await bed.ask("GET", path)
    #expect(entries.status == 200)
    var edge = TreeEdge()
    var rest = entries.body[...]
    while rest.count >= 2 {
      let length = Int(rest.removeFirst()) << 8 | Int(rest.removeFirst())
      edge.append(.leaf(Array(rest.prefix(length)).span)) { _, _ in }
      rest = rest.dropFirst(length)
    }
    #expect(edge.root == head.root)
  }

  @Test func `heads are put into a file outside`() async throws {
    let outside = TemporaryDirectory()
    let path = outside.path + "/head"
    let bed = try AdministrationBed { $0.publish.file = path }
    _ = try await Self.head(bed)
    let files = RealFileSystem()
    let note: String? = try await onThread {
      let clock = SystemMonotonicClock()
      let deadline = clock.now.advanced(seconds: 20)
      let bell = Doorbell()
      while clock.now < deadline {
        if let bytes = try? files.readFile(path) { return String(decoding: bytes, as: UTF8.self) }
        bell.wait(until: clock.now.advanced(milliseconds: 20))
      }
      return nil
    }
    let verifier = try #require(bed.live.treeKey)
    #expect(try TreeHead(note: try #require(note), by: verifier).size > 0)
  }
}
