// The log's Merkle tree for everyone who wants to check it, as C2SP tlog-tiles has it
// (https://c2sp.org/tlog-tiles), below /ledger/:
//
//   checkpoint            the head signed last
//   vkey                  the key to check it with
//   tile/<L>/<N>[.p/<W>]  hashes
//   tile/entries/...      the records themselves: for the administrator only
//
// Hashes tell nothing of records; heads tell how many there are. Tiles are read from disk on
// threads of their own, never on a reactor.
import Base
import HTTP
import Ledger
import Projections

extension Gateway {
  func ledger(
    _ path: String, _ request: Request, _ client: Client, _ id: ULID
  ) async throws(Answer) {
    guard let tree = live.tree else { throw .notFound }
    let status = tree.status
    switch path {
    case "checkpoint":
      guard let head = status.head else { throw Self.noHead(status) }
      answer(head.note, client, id)
    case "vkey":
      guard let verifier = status.verifier else { throw Self.noHead(status) }
      answer(verifier.vkey + "\n", client, id)
    default:
      guard let tile = TileCoordinates(path: path) else { throw .notFound }
      if tile.level == nil {
        // Records say who used what: not for the public.
        guard let hash = snapshot.configuration.adminTokenHash else { throw .notFound }
        let call = AdministrationCall(self, request, client, id)
        guard await call.hasRightToken(hash) else { return }
      }
      try await answer(tile, of: tree, client, id)
    }
  }

  private static func noHead(_ status: TreeStatus) -> Answer {
    Answer(503, "api_error", status.problem ?? "no tree head was signed yet; try again")
  }

  private func answer(_ text: String, _ client: Client, _ id: ULID) {
    var headers = ResponseHeaders(contentType: "text/plain; charset=utf-8")
    headers.add("request-id", id.description)
    headers.add("cache-control", "no-store")
    client.respond(status: 200, headers: headers, body: Array(text.utf8))
  }

  private func answer(
    _ tile: TileCoordinates, of tree: TreeBuilder, _ client: Client, _ id: ULID
  ) async throws(Answer) {
    let read = await administration.readers.run(
      { _ in
        do throws(LedgerError) {
          guard let bytes = try tree.tree.bytes(of: tile) else {
            return AdministrationAnswer(.unknown("there is no such tile"))
          }
          return AdministrationAnswer(body: bytes)
        } catch { return AdministrationAnswer(AdministrationError(error)) }
      }, for: client)
    switch read.status {
    case 200: break
    case 404: throw .notFound
    default: throw Answer(503, "api_error", "the tile cannot be read now; try again")
    }
    var headers = ResponseHeaders(contentType: "application/octet-stream")
    headers.add("request-id", id.description)
    // A tile of a certain width never changes.
    headers.add(
      "cache-control",
      tile.level == nil ? "no-store" : "public, max-age=31536000, immutable")
    client.respond(status: 200, headers: headers, body: read.body)
  }
}
