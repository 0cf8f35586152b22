// GET /v1/receipts/{request-id}: the proof of one's own charge, to be kept and checked offline with
// `daybook verify-receipt`. Requests of other keys are answered as unknown ones are.
//
//   {"receipt": the C2SP tlog-proof file, "proof": what it proves}
//   ?format=tlog-proof      the file alone
import Base
import HTTP
import Ledger
import Projections

extension Gateway {
  func receipt(
    _ name: String, _ request: Request, _ client: Client, _ trace: RequestTrace
  ) async throws(Answer) {
    let caller = try authenticate(trace, forced: nil, check: .inspecting)
    let unknown = Answer(404, "not_found_error", "no request \(name.clipped(toBytes: 64))")
    guard let id = ULID(name), let service = administration.service else { throw unknown }
    let key = caller.key.id
    let made = await administration.readers.run(
      { _ in
        do throws(AdministrationError) {
          return AdministrationAnswer(body: try service.receipt(ofRequest: id, for: key))
        } catch { return AdministrationAnswer(error) }
      }, for: client)
    switch made.status {
    case 200: break
    case 404: throw unknown
    case 409:
      throw Answer(409, "invalid_request_error", "request \(id) is not settled yet; try again")
    default: throw Answer(503, "api_error", "the receipt cannot be made now; try again")
    }
    guard request.queryValue("format") == "tlog-proof" else {
      var headers = ResponseHeaders.json(trace.id)
      headers.add("cache-control", "no-store")
      return client.respond(status: 200, headers: headers, body: made.body)
    }
    var headers = ResponseHeaders(contentType: "text/plain; charset=utf-8")
    headers.add("request-id", trace.id.description)
    headers.add("cache-control", "no-store")
    let text = (try? JSONParser(maxDepth: 64).parse(made.body))?["receipt"]?.string ?? ""
    client.respond(status: 200, headers: headers, body: Array(text.utf8))
  }
}

extension AdministrationService {
  /// The receipt of a key's own request.
  /// - Throws: `.unknown` for requests of other keys, too; `.conflict` while it is not closed.
  func receipt(
    ofRequest id: ULID, for key: KeyID
  ) throws(AdministrationError) -> [UInt8] {
    let unknown = AdministrationError.unknown("the ledger has no request \(id)")
    let desk = receiptDesk
    guard let found = try desk.find(id) else { throw unknown }
    let admission: Event?
    do throws(LedgerError) {
      admission = try LedgerReader.event(at: found.admission, in: live.files)
    } catch { throw AdministrationError(error) }
    guard let check = admission?.payload as? BillingChecked, check.party.key == key else {
      throw unknown
    }
    guard let closing = found.closing ?? found.refusal else {
      throw .conflict("request \(id) is not settled yet")
    }
    return try desk.receipt(of: closing, for: .caller) { (sequence) throws(AdministrationError) in
      try signedTree(covering: sequence)
    }
  }
}
