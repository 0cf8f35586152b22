// /admin on the gateway's listener: the path and method first, then the token, then the command on
// a thread of its own. Without `admin_token_sha256` there is no such path.
//
//   GET  /admin/user/list?limit=10    a question, its arguments in the query
//   POST /admin/user/add  {...}       a command, its arguments in the body
//
// Errors: {"error": {"code": ..., "message": ...}}. Every answer: request-id, cache-control
// no-store.
import Base
import HTTP
import Ledger
import Projections
import Synchronization

/// What /admin and /metrics on the gateway's listener are answered with.
final class AdministrationFront: Sendable {
  let tokens = TokenGuard()
  let runner = AdministrationRunner()
  /// Reads what anyone may ask for: they take no place of the administrator's.
  let readers = AdministrationRunner()
  private let installed = Mutex<(service: AdministrationService?, reactors: [Reactor])>((nil, []))

  var service: AdministrationService? { installed.withLock { $0.service } }
  func install(_ service: AdministrationService) { installed.withLock { $0.service = service } }
  /// Reactors whose traffic the metrics page counts.
  var reactors: [Reactor] { installed.withLock { $0.reactors } }
  func count(_ reactors: [Reactor]) { installed.withLock { $0.reactors = reactors } }
}

extension Gateway {
  /// Answers /admin with this service from now on, where a token is configured.
  public func offer(_ service: AdministrationService) { administration.install(service) }

  func administer(_ request: Request, _ client: Client, _ id: ULID) async throws(Answer) {
    guard let hash = snapshot.configuration.adminTokenHash else { throw .notFound }
    let call = AdministrationCall(self, request, client, id)
    let path = String(request.path.dropFirst("/admin/".count))
    guard let operation = AdministrationOperation.named(path) else {
      let known = AdministrationOperation.all.map(\.path)
      let shown = path.clipped(toBytes: 128)
      return call.refuse(
        404, "not_found", "no operation \"\(shown)\"\(NearestName.hint(path, among: known))")
    }
    if request.method == .options { return call.answerOptions(operation) }
    guard operation.takes(request.method) else {
      return call.refuse(
        405, "method_not_allowed", "/admin/\(path) takes \(operation.allow)",
        headers: [("allow", operation.allow)])
    }
    guard await call.hasRightToken(hash) else { return }
    guard let service = administration.service else {
      return call.answer(AdministrationAnswer(.busy("the server is starting; try again")))
    }
    if case .document = operation.answer { return call.answer(body: OpenAPIDocument.bytes) }
    if operation.isRead {
      await call.ask(service, operation)
    } else {
      await call.command(service, operation)
    }
  }

  /// GET /metrics on the gateway's listener.
  func metricsPage(_ request: Request, _ client: Client, _ id: ULID) async throws(Answer) {
    guard let hash = snapshot.configuration.adminTokenHash else { throw .notFound }
    let call = AdministrationCall(self, request, client, id)
    guard await call.hasRightToken(hash) else { return }
    MetricsHandler(gateway: self, reactors: administration.reactors).answer(client, id)
  }
}

/// One request to /admin and its answer.
struct AdministrationCall {
  private let gateway: Gateway
  private let request: Request
  private let client: Client
  private let id: ULID

  init(_ gateway: Gateway, _ request: Request, _ client: Client, _ id: ULID) {
    self.gateway = gateway
    self.request = request
    self.client = client
    self.id = id
  }

  // MARK: The token

  /// True when the token is right; else the request was answered.
  func hasRightToken(_ hash: [UInt8]) async -> Bool {
    let verdict = await gateway.administration.tokens.verdict(
      request, hash: hash, address: gateway.clientAddress(of: request), client: client)
    switch verdict {
    case .right: return true
    case .missing:
      refuse(
        401, "unauthorized", "send the administration token as `Authorization: Bearer TOKEN`",
        headers: [("www-authenticate", "Bearer realm=\"daybook\"")])
    case .wrong:
      gateway.tellWrongToken(id, request)
      refuse(
        401, "unauthorized", "this is not the administration token",
        headers: [("www-authenticate", "Bearer realm=\"daybook\", error=\"invalid_token\"")])
    case .limited(let seconds):
      refuse(
        429, "too_many_attempts", "too many wrong tokens from this address; wait",
        headers: [("retry-after", "\(seconds)")])
    }
    return false
  }

  /// Recorded with the events: the token, and from where it came as far as addresses are recorded.
  private var actor: String {
    guard let address = gateway.clientAddress(of: request) else { return "admin token" }
    return switch gateway.snapshot.configuration.gateway.recordAddresses {
    case .full: "admin token, \(address)"
    case .prefix: "admin token, \(address.prefix)/\(address.isIPv4 ? 24 : 48)"
    case .none: "admin token"
    }
  }

  // MARK: Questions and commands

  func ask(_ service: AdministrationService, _ operation: AdministrationOperation) async {
    let (request, path) = (request, operation.path)
    let done = await gateway.administration.runner.run(
      { _ in
        do throws(AdministrationError) {
          return service.read(path, try QueryArguments.object(request))
        } catch {
          return AdministrationAnswer(error)
        }
      }, for: client)
    answer(done)
  }

  func command(_ service: AdministrationService, _ operation: AdministrationOperation) async {
    if let query = request.query, !query.isEmpty {
      return refuse(400, "wrong_usage", "the arguments of a command stand in its body, as JSON")
    }
    let keys = request.headers.all("idempotency-key")
    let key = keys.first.flatMap { IdempotencyKey($0) }
    guard keys.count <= 1, keys.isEmpty || key != nil else {
      return refuse(
        400, "wrong_usage", "Idempotency-Key must be 1 to 255 printable ASCII characters, once")
    }
    guard let body = await body(of: operation.path) else { return }
    let (path, actor) = (operation.path, actor)
    let command: AdministrationRunner.Command = {
      service.answer(path, body, actor: actor, key: key, report: $0)
    }
    let runner = gateway.administration.runner
    guard case .lines = operation.answer else {
      return answer(await runner.run(command, for: client))
    }
    await runner.stream(command, for: client, headers: headers("application/jsonl")) { answer($0) }
  }

  /// The body; nil when the request was answered.
  private func body(of path: String) async -> [UInt8]? {
    if let encoding = request.headers["content-encoding"], encoding != "identity" {
      refuse(415, "unsupported_media_type", "content-encoding is not supported, send identity")
      return nil
    }
    let type = (request.headers["content-type"] ?? "application/json").lowercased()
    let name = type.split(separator: ";", maxSplits: 1, omittingEmptySubsequences: false)[0]
    guard name.split(separator: " ") == ["application/json"] || request.contentLength == 0 else {
      refuse(415, "unsupported_media_type", "send the arguments as application/json")
      return nil
    }
    do {
      return try await client.readBody(limit: AdministrationRunner.bodyLimit(of: path))
    } catch {
      switch error {
      case .tooLarge:
        let limit = AdministrationRunner.bodyLimit(of: path) >> 20
        refuse(413, "too_large", "a body has at most \(limit) MB")
      case .busy: answer(AdministrationAnswer(.busy("too many bodies in flight; try again")))
      case .malformed, .tooSlow, .gone: break
      }
      return nil
    }
  }

  // MARK: Answers

  func answerOptions(_ operation: AdministrationOperation) {
    var headers = ResponseHeaders()
    headers.add("request-id", id.description)
    headers.add("allow", operation.allow)
    headers.add("cache-control", "no-store")
    client.respond(status: 204, headers: headers)
  }

  func refuse(
    _ status: Int, _ code: String, _ message: String,
    headers: [(name: String, value: String)] = []
  ) {
    answer(AdministrationAnswer(status, code, message), more: headers)
  }

  func answer(body: [UInt8]) { answer(AdministrationAnswer(body: body)) }

  func answer(_ answer: AdministrationAnswer, more: [(name: String, value: String)] = []) {
    var headers = headers("application/json")
    for field in more { headers.add(field.name, field.value) }
    if answer.isReplayed { headers.add("idempotent-replayed", "true") }
    if answer.status == 503 { headers.add("retry-after", "1") }
    client.respond(status: answer.status, headers: headers, body: answer.body)
  }

  private func headers(_ type: String) -> ResponseHeaders {
    var headers = ResponseHeaders(contentType: type)
    headers.add("request-id", id.description)
    headers.add("cache-control", "no-store")
    return headers
  }
}
