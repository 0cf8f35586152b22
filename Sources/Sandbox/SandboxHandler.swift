// The routes of the scripted upstream, and the way of one request for an answer: read, parse, draw
// a fate, wait as long as a model would, answer (Delivery.swift).

import Base
import HTTP
import Synchronization

/// Answers requests as the providers' APIs do.
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

  /// Anthropic's limit for the Messages API, bytes; Google's are not lower.
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
    let reply = Reply(
      client: client, wire: GoogleCall.wire(ofPath: request.path),
      requestID: "req_01" + ids.base62(22), common: headers.current)
    if reply.wire.isGoogle {
      await respondAsGoogle(to: request, reply, arrival: arrival, ids: &ids)
      return
    }
    switch (request.path, request.method) {
    case ("/v1/messages", .post):
      await answer(reply, arrival: arrival, ids: &ids) { body throws(PromptError) in
        try Prompt(body: body)
      }
    case ("/v1/messages/count_tokens", .post):
      await count(reply, named: "input_tokens") { body throws(PromptError) in
        try Prompt(body: body)
      }
    case ("/v1/models", .get), ("/v1/models", .head):
      reply.send(200, ModelList.body)
    case (let path, .get) where path.hasPrefix("/v1/models/"):
      reply.send(200, ModelList.model(named: String(path.dropFirst("/v1/models/".count))))
    case ("/v1/messages", _), ("/v1/messages/count_tokens", _), ("/v1/models", _):
      reply.send(ErrorAnswer(status: 405, type: "invalid_request_error", "Method Not Allowed"))
    default:
      reply.send(ErrorAnswer(status: 404, type: "not_found_error", "Not found"))
    }
  }
  private func respondAsGoogle(
    to request: Request, _ reply: Reply, arrival: UInt64, ids: inout Dice
  ) async {
    guard request.method == .post, let call = GoogleCall(path: request.path) else {
      reply.send(ErrorAnswer(google: 404))
      return
    }
    let isEvents = request.queryValue("alt") == "sse"
    if call.method == .count {
      await count(reply, named: "totalTokens") { body throws(PromptError) in
        try Prompt(body: body, call: call, isEvents: isEvents)
      }
    } else {
      await answer(reply, arrival: arrival, ids: &ids) { body throws(PromptError) in
        try Prompt(body: body, call: call, isEvents: isEvents)
      }
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

  private func answer(
    _ reply: Reply, arrival: UInt64, ids: inout Dice,
    read: ([UInt8]) throws(PromptError) -> Prompt
  ) async {
    let client = reply.client
    let arrived = client.reactor.now
    var delivery = Delivery(reply: reply, options: options, recorder: recorder, report: report)
    let body: [UInt8]
    do {
      body = try await client.readBody(limit: Self.bodyLimit)
    } catch {
      if error == .tooLarge {
        delivery.refuse(ErrorAnswer(status: 413, on: reply.wire), model: nil)
      }
      return
    }
    let prompt: Prompt
    do {
      prompt = try read(body)
    } catch {
      delivery.refuse(ErrorAnswer(refusing: error, on: reply.wire), model: nil)
      return
    }
    var draw = Dice(seed: options.seed, salt: arrival)
    let fate = fates.fate(model: prompt.model, draw: &draw)
    if let error = refusal(of: prompt, fate) {
      delivery.refuse(error, model: prompt.model)
      return
    }
    let delay = options.firstTokenMilliseconds
    if delay > 0 {
      guard await client.sleep(until: arrived.advanced(milliseconds: delay)) else { return }
    }
    switch fate {
    case .cutBefore: client.abort()
    case .garbage: delivery.sendGarbage(model: prompt.model)
    case .errorBody: delivery.sendErrorBody(model: prompt.model)
    default:
      let answer = Answer(to: prompt, options: options, fate: fate, ids: &ids)
      if prompt.isStream {
        await delivery.stream(answer, fate: fate, draw: &draw)
      } else {
        await delivery.sendMessage(answer, fate: fate)
      }
    }
  }
  /// The error that is answered at once instead of a message.
  private func refusal(of prompt: Prompt, _ fate: Fate) -> ErrorAnswer? {
    switch fate {
    case .status(let status): ErrorAnswer(status: status, on: prompt.wire)
    case .tooLong: .tooLong(prompt.countedTokens, on: prompt.wire)
    default: nil
    }
  }

  private func count(
    _ reply: Reply, named name: String, read: ([UInt8]) throws(PromptError) -> Prompt
  ) async {
    let body: [UInt8]
    do {
      body = try await reply.client.readBody(limit: Self.bodyLimit)
    } catch {
      if error == .tooLarge { reply.send(ErrorAnswer(status: 413, on: reply.wire)) }
      return
    }
    do {
      let prompt = try read(body)
      if case .status(let status)? = Fate(model: prompt.model) {
        reply.send(ErrorAnswer(status: status, on: reply.wire))
        return
      }
      var writer = JSONWriter()
      writer.object { writer in
        writer.member(name, prompt.countedTokens)
        if reply.wire.isGoogle {
          writer.member("promptTokensDetails", array: { $0.writeTextTokens(prompt.countedTokens) })
        }
      }
      reply.send(200, writer.bytes)
    } catch {
      reply.send(ErrorAnswer(refusing: error, on: reply.wire))
    }
  }
}
