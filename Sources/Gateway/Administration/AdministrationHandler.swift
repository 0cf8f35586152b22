// DATA/daybook.sock: administration over HTTP on a Unix socket that only the server's own user can
// open (mode 0600). POST /admin/PATH with the arguments as a JSON object.
import Base
public import HTTP
import Ledger
import Projections

public final class AdministrationHandler: RequestHandler {
  private let service: AdministrationService
  private let runner = AdministrationRunner()

  public init(_ service: AdministrationService) { self.service = service }

  /// Listens on a Unix socket; a stale one is replaced.
  public static func serve(
    _ service: AdministrationService, at path: String, on reactors: [Reactor]
  ) throws(ListenError) -> Server {
    try Server(
      .unix(path: path), on: reactors,
      refusals: { status, reason in
        let error = AdministrationError.usage(reason)
        return (ResponseHeaders(contentType: "application/json"), AdministrationAnswer(error).body)
      }, handler: AdministrationHandler(service))
  }

  public func respond(to request: Request, on client: Client) async {
    guard request.path.hasPrefix("/admin/") else {
      return answer(AdministrationAnswer(.unknown("no path \(request.path)")), client)
    }
    guard request.method == .post else {
      return answer(AdministrationAnswer(.usage("administration takes POST only")), client)
    }
    let path = String(request.path.dropFirst("/admin/".count))
    let body: [UInt8]
    do {
      body = try await client.readBody(limit: AdministrationRunner.bodyLimit(of: path))
    } catch {
      if !client.hasAnswered { answer(AdministrationAnswer(.usage("body too large")), client) }
      return
    }
    let service = service
    let command: AdministrationRunner.Command = {
      service.answer(path, body, actor: "command line", report: $0)
    }
    if AdministrationRunner.longJobs.contains(path) {
      await runner.stream(
        command, for: client, headers: ResponseHeaders(contentType: "application/jsonl")
      ) { answer($0, client) }
    } else {
      answer(await runner.run(command, for: client), client)
    }
  }

  private func answer(_ answer: AdministrationAnswer, _ client: Client) {
    var headers = ResponseHeaders(contentType: "application/json")
    headers.add("cache-control", "no-store")
    if let next = answer.nextSequence { headers.add("x-next-sequence", "\(next)") }
    client.respond(status: answer.status, headers: headers, body: answer.body)
  }
}
