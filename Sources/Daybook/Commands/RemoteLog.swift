// A log at another server, as an outsider sees it: its newest head and the hashes under it. Nothing
// is believed but what leads to the signed root.
import Base
import Foundation
import Gateway
import HTTP
import Ledger
import Synchronization

/// A transparency log behind a URL.
struct RemoteLog: TileSource {
  private let url: String
  private let fetch: Fetch

  /// - Parameter url: of its `/ledger`.
  init(_ url: String) throws {
    self.url = url.hasSuffix("/") ? String(url.dropLast()) : url
    guard url.hasPrefix("http://") || url.hasPrefix("https://") else {
      throw UsageError("--url must begin with http:// or https://, not \"\(url)\"")
    }
    fetch = try Fetch()
  }

  func hashes(of tile: TileCoordinates) throws(LedgerError) -> [TreeHash] {
    let bytes = try get(tile.path, limit: TileCoordinates.greatestWidth * TreeHash.byteCount)
    guard bytes.count == tile.width * TreeHash.byteCount else {
      throw .tree("\(url)/\(tile.path) has \(bytes.count) bytes: it is no such tile")
    }
    return stride(from: 0, to: bytes.count, by: TreeHash.byteCount).compactMap {
      TreeHash(Array(bytes[$0..<$0 + TreeHash.byteCount]))
    }
  }

  private func get(_ path: String, limit: Int) throws(LedgerError) -> [UInt8] {
    switch fetch.get("\(url)/\(path)", limit: limit) {
    case .success(let bytes): return bytes
    case .failure(let failure): throw .tree("\(url)/\(path): \(failure.reason)")
    }
  }

  /// Compares its newest head with one that was kept: the tree must begin with the older one.
  /// - Returns: the JSON of `LogAudit`.
  func audit(since note: String, by verifier: NoteVerifier) throws -> [UInt8] {
    let old = try TreeHead(note: note, by: verifier)
    let text = String(
      decoding: try get("checkpoint", limit: SignedNote.greatestLength), as: UTF8.self)
    let current = try SignedHead(note: text, by: verifier)
    guard current.head.size >= old.size else {
      return LogAudit.json(
        old, nil, current, [],
        "the newest head has \(current.head.size) events: it is older, or events were cut")
    }
    var reader = TreeReader(self, size: current.head.size)
    let path = try reader.consistency(from: old.size, to: current.head.size)
    let isConsistent = MerkleProof.isConsistent(
      from: old.size, old.root, to: current.head.size, current.head.root, path: path)
    return LogAudit.json(
      old, current.head.root, current, path,
      isConsistent ? nil : "the newest head does not extend the one that was kept")
  }
}

/// GET requests from the command line, one after another.
private final class Fetch: Sendable {
  struct Failure: Error { let reason: String }
  private let reactor = Reactor(index: 0)

  init() throws { try reactor.start() }
  deinit { reactor.stop() }

  /// The body of a 200.
  func get(_ url: String, limit: Int) -> Result<[UInt8], Failure> {
    let box = ResultBox()
    let reactor = reactor
    reactor.start {
      var request = UpstreamRequest(url: url, method: .get, headers: UpstreamHeaders([]))
      request.firstByteMilliseconds = 60_000
      request.gapMilliseconds = 60_000
      box.set(await Self.read(reactor.start(request), limit: limit))
    }
    return box.take()
  }

  private static func read(
    _ transfer: Transfer, limit: Int
  ) async -> Result<[UInt8], Failure> {
    switch await transfer.head() {
    case .head(let head) where head.status == 200: break
    case .head(let head): return .failure(Failure(reason: "answered with status \(head.status)"))
    case .failed(let failure): return .failure(Failure(reason: "\(failure)"))
    case .deadlinePassed, .callerGone: return .failure(Failure(reason: "no answer"))
    }
    var body: [UInt8] = []
    while true {
      switch await transfer.next() {
      case .bytes(let bytes):
        body += bytes
        if body.count > limit { return .failure(Failure(reason: "answered with too much")) }
      case .end: return .success(body)
      case .failed(let failure): return .failure(Failure(reason: "\(failure)"))
      case .deadlinePassed, .callerGone: return .failure(Failure(reason: "the answer ended early"))
      }
    }
  }
}

/// One result handed from the reactor to the command.
private final class ResultBox: Sendable {
  private let result = Mutex<Result<[UInt8], Fetch.Failure>?>(nil)
  private let doorbell = Doorbell()

  func set(_ value: Result<[UInt8], Fetch.Failure>) {
    result.withLock { $0 = value }
    doorbell.ring()
  }
  func take() -> Result<[UInt8], Fetch.Failure> {
    while true {
      if let value = result.withLock({ $0 }) { return value }
      doorbell.wait()
    }
  }
}
