// Sends one answer: record first, last byte after; at the pace asked for, in the pieces asked for.

import Base
import HTTP

/// The way of one answer to its caller.
struct Delivery {
  let reply: Reply
  let options: SandboxOptions
  let recorder: Recorder?
  let report: @Sendable (String) -> Void
  /// Bytes that wait until a whole piece of `chunkBytes` is together.
  private var held: [UInt8] = []
  private var client: Client { reply.client }

  init(
    reply: Reply, options: SandboxOptions, recorder: Recorder?,
    report: @escaping @Sendable (String) -> Void
  ) {
    self.reply = reply
    self.options = options
    self.recorder = recorder
    self.report = report
  }

  // MARK: whole answers

  /// An error status.
  func refuse(_ error: ErrorAnswer, model: String?) {
    let record = AnswerRecord(model: model, status: error.status, isComplete: true)
    if isRecorded(record) { reply.send(error) }
  }
  /// Status 200 with something that no client understands.
  func sendGarbage(model: String) {
    guard isRecorded(AnswerRecord(model: model, status: 200, isComplete: true)) else { return }
    client.respond(
      status: 200, headers: reply.headers(contentType: "text/html"),
      body: Array("<html><body>It works!</body></html>".utf8))
  }
  /// Status 200 with an error object.
  func sendErrorBody(model: String) {
    guard isRecorded(AnswerRecord(model: model, status: 200, isComplete: true)) else { return }
    let error = ErrorAnswer.overloaded(on: reply.wire)
    reply.send(200, error.body(on: reply.wire, requestID: reply.requestID))
  }

  // MARK: messages

  /// A message as one JSON body, sent when a model would have written all of it.
  mutating func sendMessage(_ answer: Answer, fate: Fate) async {
    if case .streamError = fate {
      refuse(.overloaded(on: reply.wire), model: answer.model)
      return
    }
    let pieces = answer.blocks.reduce(0) { $0 + $1.pieces.count }
    guard await pause(options.intervalMilliseconds.saturatingProduct(pieces)) else { return }
    let body = answer.body(hasUsage: fate != .missingUsage)
    let isWhole = fate != .cutInside && fate != .stall
    var record = AnswerRecord(
      messageID: answer.id, model: answer.model, status: 200, isComplete: isWhole)
    if isWhole && fate != .missingUsage { record.usage = answer.usage }
    guard isRecorded(record) else { return }
    if isWhole && options.chunkBytes == nil {
      reply.send(200, body)
      return
    }
    client.startStream(status: 200, headers: reply.jsonHeaders)
    do {
      try await write(isWhole ? body[...] : body[..<(body.count / 2)])
      try await end(fate == .cutInside ? .cut : fate == .stall ? .silence : .finished)
    } catch {}
  }

  /// A message as a stream of events.
  mutating func stream(_ answer: Answer, fate: Fate, draw: inout Dice) async {
    let plan = StreamPlan(answer, fate: fate, requestID: reply.requestID, dice: &draw)
    client.startStream(status: 200, headers: reply.streamHeaders(answer.form))
    var sent = 0
    var isUnderWay = false
    do {
      var due = client.reactor.now
      for event in plan.events {
        if event.isContent && isUnderWay && options.intervalMilliseconds > 0 {
          due = due.advanced(milliseconds: options.intervalMilliseconds)
          guard await client.sleep(until: due) else { throw CallerGone() }
        }
        try await write(event.bytes[...])
        isUnderWay = isUnderWay || event.isContent
        sent += 1
      }
    } catch {
      // The caller left in the middle: it owes what it can have received.
      _ = isRecorded(
        AnswerRecord(
          messageID: answer.id, model: answer.model, usage: plan.billed(afterEvents: sent),
          status: 200, isComplete: false))
      return
    }
    let record = AnswerRecord(
      messageID: answer.id, model: answer.model, usage: plan.billed, status: 200,
      isComplete: plan.isComplete)
    guard isRecorded(record) else { return }
    do {
      try await write(plan.closing[...])
      try await end(plan.end)
    } catch {}
  }

  // MARK: pieces and pauses

  /// Writes `bytes`, in pieces of `chunkBytes` when that is set.
  private mutating func write(_ bytes: ArraySlice<UInt8>) async throws(CallerGone) {
    guard let size = options.chunkBytes else {
      try await client.write(bytes)
      return
    }
    held += bytes
    var start = 0
    while held.count - start >= size {
      try await client.write(held[start..<(start + size)])
      start += size
    }
    held.removeFirst(start)
  }
  private mutating func end(_ end: StreamPlan.End) async throws(CallerGone) {
    if !held.isEmpty { try await client.write(held) }
    held = []
    switch end {
    case .finished: client.finishStream()
    case .cut:
      // What was written must arrive before the connection ends.
      while client.unsentBytes > 0, await pause(1) {}
      client.abort()
    case .silence: await client.sleep(until: .never)
    }
  }
  /// Waits; false when the caller left.
  private func pause(_ milliseconds: Int) async -> Bool {
    if milliseconds == 0 { return !client.isGone }
    return await client.sleep(until: client.reactor.now.advanced(milliseconds: milliseconds))
  }
  /// Puts the answer into the record. Without a record there is no answer: the connection ends.
  private func isRecorded(_ record: AnswerRecord) -> Bool {
    guard let recorder else { return true }
    do {
      try recorder.add(record)
      return true
    } catch {
      report("an answer was withheld, its record could not be written: \(error)")
      client.abort()
      return false
    }
  }
}

extension Int {
  fileprivate func saturatingProduct(_ other: Int) -> Int {
    let (product, overflow) = multipliedReportingOverflow(by: other)
    return overflow ? .max : product
  }
}
