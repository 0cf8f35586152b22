// The way of a request, one line per step. Read this first.
//
//   authenticate -> read and parse -> user's slot -> admit (billing check and hold) -> forward
//   (account, attempts, relay while metering, settle) -> give everything back
//
// Every step that decides about money is an event. What cannot go on throws its answer.
import Base
public import HTTP
import Ledger
import Projections

extension Gateway: RequestHandler {
  /// Answers one request. Runs on its connection's reactor.
  public func respond(to request: Request, on client: Client) async {
    let id = newRequestID()
    let trace = RequestTrace(
      id, request, route: Route(path: request.path), started: client.reactor.now)
    defer { finish(trace, client) }
    do throws(Answer) {
      guard let route = trace.route else { throw .notFound }
      if route == .admin { return try await administer(request, client, id) }
      if request.method == .options { return answerOptions(route, request, client, id) }
      guard route.takes(request.method) else { throw .methodNotAllowed(route.allow) }
      switch route {
      case .messages(let forced): return try await messages(request, client, trace, forced: forced)
      case .countTokens(let forced):
        return try await countTokens(request, client, trace, forced: forced)
      case .models(let forced): try models(request, client, trace, forced: forced)
      case .model(let model): try self.model(model, request, client, trace)
      case .usage: try await usage(request, client, trace)
      case .receipt(let id): try await receipt(id, request, client, trace)
      case .hello, .healthy: hello(client, id)
      case .ready: ready(client, id)
      case .ledger(let path): return try await ledger(path, request, client, id)
      case .metrics: return try await metricsPage(request, client, id)
      case .google: answerGoogle(client, id)
      case .admin: break
      }
    } catch {
      trace.refused(error)
      error.send(to: client, requestID: id)
    }
  }

  /// POST /v1/messages.
  private func messages(
    _ request: Request, _ client: Client, _ trace: RequestTrace, forced: Platform?
  ) async throws(Answer) {
    var caller = try authenticate(trace, forced: forced, check: .spending)
    var begun: Reply?
    do throws(Answer) {
      let body = HeldBody(try await readBody(request, client), in: budget)
      defer { body.free() }
      let call = try MessagesCall(body.bytes)
      trace.asks(model: call.model, stream: call.isStream, bodyBytes: body.bytes.count)
      let reply = Reply(
        client, trace: trace, isStream: call.isStream,
        pingInterval: snapshot.configuration.gateway.pingInterval)
      begun = reply
      guard let slot = try await userSlot(caller, reply) else {
        return note(.callerLeft, by: caller)
      }
      defer { slot.lease.release() }
      if slot.hasWaited {
        // Much may have changed meanwhile; money is looked at by the billing check.
        caller = try authenticate(trace, forced: forced, check: .reading)
      }
      let snapshot = snapshot
      let asked = admissionRequest(trace.id, caller, call, request, snapshot)
      let forwarding = Forwarding(
        self, snapshot: snapshot, call: call, request: request, asked: asked,
        admission: try admit(asked), reply: reply, started: trace.started, body: body,
        releaseUserSlot: slot.lease.release)
      await active.track(forwarding) { await forwarding.run() }
    } catch {
      note(error, by: caller)
      guard let begun, begun.hasStarted else { throw error }
      // The stream has begun with a ping: the error is one of its events.
      trace.refused(error)
      await begun.fail(error)
    }
  }

  private func admissionRequest(
    _ id: ULID, _ caller: Caller, _ call: MessagesCall, _ request: Request, _ snapshot: Snapshot
  ) -> AdmissionRequest {
    AdmissionRequest(
      requestID: id, caller: caller, model: call.model, isStream: call.isStream,
      basis: call.basis, mappedModels: snapshot.mappedModels(call.model, group: caller.group.id),
      userAgent: (request.headers["user-agent"] ?? "").clipped(toBytes: 128),
      idempotencyKey: (request.headers["idempotency-key"] ?? "").clipped(toBytes: 128),
      retryCount: UInt16(request.headers["x-stainless-retry-count"] ?? "") ?? 0)
  }

  /// Headers alone decide first (route, key, announced length, encoding); then the body is read.
  func readBody(_ request: Request, _ client: Client) async throws(Answer) -> [UInt8] {
    let limit = snapshot.configuration.gateway.maxBodyBytes
    if let encoding = request.headers["content-encoding"], encoding != "identity" {
      client.closeAfterAnswer()
      throw .encodedBody
    }
    do {
      return try await client.readBody(limit: Int(limit), budget: budget)
    } catch {
      switch error {
      case .tooLarge:
        client.closeAfterAnswer()
        throw .bodyTooLarge(limit: limit)
      case .busy: throw .buffersFull
      case .malformed, .tooSlow, .gone: throw .bodyUnreadable
      }
    }
  }

  /// A slot of the user's, and whether others went first.
  private struct UserSlot {
    let lease: SlotLease
    let hasWaited: Bool
  }

  /// The user's turn: a slot at once, or a fair wait for one, with pings to a caller that streams.
  /// nil when the caller left while it waited.
  private func userSlot(_ caller: Caller, _ reply: Reply) async throws(Answer) -> UserSlot? {
    let user = caller.user.id
    let limit = Int(caller.user.concurrency)
    var hasWaited = false
    switch scheduler.withLock({ $0.acquireUser(user, limit: limit) }) {
    case .acquired: break
    case .queueFull: throw .queueFull
    case .wait(let suspension):
      hasWaited = true
      let wait = snapshot.configuration.gateway.userWait
      let start = reply.client.reactor.now
      let deadline = start.advanced(nanoseconds: wait.nanoseconds)
      let outcome = await reply.wait(for: suspension, until: deadline)
      reply.trace.waited(user: reply.client.reactor.now.nanoseconds(since: start))
      if outcome != .resumed { scheduler.withLock { $0.abandonUser(user, suspension) } }
      switch outcome {
      case .resumed: break
      case .callerGone:
        reply.trace.left()
        return nil
      case .timedOut, .paused: throw .waitTimedOut("user")
      }
    }
    let lease = SlotLease { [scheduler] in scheduler.releaseUser(user) }
    return UserSlot(lease: lease, hasWaited: hasWaited)
  }

  private func answerOptions(
    _ route: Route, _ request: Request, _ client: Client, _ id: ULID
  ) {
    var headers = ResponseHeaders()
    headers.add("request-id", id.description)
    headers.add("allow", route.allow)
    let origins = snapshot.configuration.gateway.corsOrigins
    if let origin = request.headers["origin"], origins.contains(origin) || origins.contains("*") {
      headers.add("access-control-allow-origin", origin)
      headers.add("access-control-allow-methods", route.allow)
      headers.add(
        "access-control-allow-headers",
        "authorization, x-api-key, content-type, anthropic-version, anthropic-beta")
    }
    client.respond(status: 204, headers: headers)
  }

  /// Google's error shape, for clients that try its paths here.
  private func answerGoogle(_ client: Client, _ id: ULID) {
    let body = #"{"error":{"code":404,"message":"Not found","status":"NOT_FOUND"}}"#
    client.respond(status: 404, headers: .json(id), body: Array(body.utf8))
  }
}

extension String {
  /// The longest start of at most `limit` UTF-8 bytes that ends between Unicode scalars. A single
  /// character may be longer than any limit.
  func clipped(toBytes limit: Int) -> String {
    guard utf8.count > limit else { return self }
    var end = utf8.index(utf8.startIndex, offsetBy: limit)
    while end > startIndex, utf8[end] & 0xC0 == 0x80 { end = utf8.index(before: end) }
    return String(self[..<end])
  }
}
