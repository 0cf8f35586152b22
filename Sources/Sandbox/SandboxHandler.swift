// The routes of the scripted upstream, and the way of one POST /v1/messages: read, parse, draw a
// fate, wait as long as a model would, answer (Delivery.swift).

import Base
import HTTP
import Synchronization

/// Answers requests as Anthropic's API does.
final class SandboxHandler: RequestHandler {
  let options: SandboxOptions
  let recorder: Recorder?
  let report: @Sendable (String) -> Void
  private let fates: FateTable
  /// Identifiers are unique over restarts with the same seed: they begin from the system's
  /// randomness.
  private let entropy = UInt64.random(in: .min ... .max)
  private let arrivals = Atomic<UInt64>(0)
  private let headers = CommonHeaders()

  /// Anthropic's limit for the Messages API, bytes.
  static let bodyLimit = 32 << 20

  init(
    _ options: SandboxOptions, fileSystem: some FileSystem,
    report: @escaping @Sendable (String) -> Void
  ) throws {
    try options.check()
    self.options = options
    fates = try FateTable(options)
    recorder = try options.recordPath.map { try Recorder(path: $0, fileSystem: fileSystem) }
    self.report = report
  }

  func respond(to request: Request, on client: Client) async {
    let arrival = arrivals.wrappingAdd(1, ordering: .relaxed).newValue
    var ids = Dice(seed: entropy, salt: arrival)
    let requestID = "req_01" + ids.base62(22)
    let reply = Reply(client: client, requestID: requestID, common: headers.current)
    switch (request.path, request.method) {
    case ("/v1/messages", .post):
      await answer(reply, arrival: arrival, ids: &ids)
    case ("/v1/messages/count_tokens", .post):
      await countTokens(reply)
    case ("/v1/models", .get), ("/v1/models", .head):
      reply.send(200, models())
    case (let path, .get) where path.hasPrefix("/v1/models/"):
      reply.send(200, model(named: String(path.dropFirst("/v1/models/".count))))
    case ("/v1/messages", _), ("/v1/messages/count_tokens", _), ("/v1/models", _):
      reply.send(ErrorAnswer(status: 405, type: "invalid_request_error", "Method Not Allowed"))
    default:
      reply.send(ErrorAnswer(status: 404, type: "not_found_error", "Not found"))
    }
  }

  /// What the HTTP layer refuses by itself, in Anthropic's envelope.
  func refusal(_ status: Int, _ reason: String) -> (headers: ResponseHeaders, body: [UInt8]) {
    var dice = Dice(seed: entropy, salt: arrivals.wrappingAdd(1, ordering: .relaxed).newValue)
    let type = status >= 500 ? "api_error" : "invalid_request_error"
    let body = ErrorAnswer(status: status, type: type, reason)
      .body(requestID: "req_01" + dice.base62(22))
    return (ResponseHeaders(contentType: "application/json"), body)
  }

  private func answer(_ reply: Reply, arrival: UInt64, ids: inout Dice) async {
    let client = reply.client
    let arrived = client.reactor.now
    var delivery = Delivery(reply: reply, options: options, recorder: recorder, report: report)
    let body: [UInt8]
    do {
      body = try await client.readBody(limit: Self.bodyLimit)
    } catch {
      if error == .tooLarge { delivery.refuse(ErrorAnswer(status: 413), model: nil) }
      return
    }
    let prompt: Prompt
    do {
      prompt = try Prompt(body: body)
    } catch {
      let refusal = ErrorAnswer(status: 400, type: "invalid_request_error", error.message)
      delivery.refuse(refusal, model: nil)
      return
    }
    var draw = Dice(seed: options.seed, salt: arrival)
    let fate = fates.fate(model: prompt.model, draw: &draw)
    var delay = options.firstTokenMilliseconds
    if case .status = fate { delay = 0 }
    if delay > 0 {
      guard await client.sleep(until: arrived.advanced(milliseconds: delay)) else { return }
    }
    switch fate {
    case .status(let status): delivery.refuse(ErrorAnswer(status: status), model: prompt.model)
    case .cutBefore: client.abort()
    case .garbage: delivery.sendGarbage(model: prompt.model)
    case .errorBody: delivery.sendErrorBody(model: prompt.model)
    default:
      let answer = Answer(to: prompt, options: options, ids: &ids)
      if prompt.isStream {
        await delivery.stream(answer, fate: fate, draw: &draw)
      } else {
        await delivery.sendMessage(answer, fate: fate)
      }
    }
  }

  private func countTokens(_ reply: Reply) async {
    let body: [UInt8]
    do {
      body = try await reply.client.readBody(limit: Self.bodyLimit)
    } catch {
      if error == .tooLarge { reply.send(ErrorAnswer(status: 413)) }
      return
    }
    do {
      let prompt = try Prompt(body: body)
      if case .status(let status)? = Fate(model: prompt.model) {
        reply.send(ErrorAnswer(status: status))
        return
      }
      var writer = JSONWriter()
      writer.beginObject()
      writer.member("input_tokens", prompt.countedTokens)
      writer.endObject()
      reply.send(200, writer.bytes)
    } catch {
      reply.send(ErrorAnswer(status: 400, type: "invalid_request_error", error.message))
    }
  }

  private func models() -> [UInt8] {
    var writer = JSONWriter()
    writer.beginObject()
    writer.name("data")
    writer.beginArray()
    for id in modelIDs { write(modelNamed: id, to: &writer) }
    writer.endArray()
    writer.member("has_more", false)
    writer.member("first_id", modelIDs[0])
    writer.member("last_id", modelIDs[modelIDs.count - 1])
    writer.endObject()
    return writer.bytes
  }
  private func model(named id: String) -> [UInt8] {
    var writer = JSONWriter()
    write(modelNamed: id, to: &writer)
    return writer.bytes
  }
  private func write(modelNamed id: String, to writer: inout JSONWriter) {
    writer.beginObject()
    writer.member("type", "model")
    writer.member("id", id)
    writer.member("display_name", id)
    writer.member("created_at", "2026-01-01T00:00:00Z")
    writer.endObject()
  }
}

/// The models listed; every other name is answered too.
private let modelIDs = [
  "claude-opus-5-5", "claude-sonnet-5-5", "claude-haiku-5-5", "sandbox-stream-error",
  "sandbox-early-error", "sandbox-cut-before", "sandbox-cut-inside", "sandbox-stall",
  "sandbox-garbage", "sandbox-error-body", "sandbox-no-usage", "sandbox-400", "sandbox-429",
  "sandbox-500", "sandbox-529",
]
