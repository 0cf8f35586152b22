// Two ways off the straight one: a request that needs no model, and a prompt too long for its
// group.
import Base
import HTTP
import Ledger
import Projections

extension Forwarding {
  // MARK: Interception

  /// Answers without an upstream: the hold is released, nothing is charged or counted.
  func intercept(_ kind: InterceptKind, _ account: AccountID) async {
    var event = RequestIntercepted()
    event.party = admission.party
    event.hold = admission.hold
    event.serviceTime = admission.serviceTime
    event.account = account
    event.kind = kind
    event.target = admission.target
    event.subscription = admission.subscription
    let sequence = await gateway.appendForCertain(event, on: reactor)
    reply.trace.intercepted(kind)
    guard let sequence, await gateway.isDurable(sequence, on: reactor) else {
      return await reply.fail(.notRecorded)
    }
    let answer = InterceptAnswer(kind, model: call.model)
    guard call.isStream else {
      return reply.respond(status: 200, headers: .json(reply.requestID), body: answer.body)
    }
    reply.start(headers: nil)
    for bytes in answer.events {
      await reply.send(bytes[...])
      let next = reactor.now.advanced(milliseconds: InterceptAnswer.eventMilliseconds)
      guard await reply.client.sleep(until: next), !isShuttingDown else { break }
    }
    reply.finish()
  }

  // MARK: The fallback group

  /// The group that takes over when the prompt is too long for this one; nil when there is none, or
  /// when it is in use already. What it must be like was checked when the configuration was loaded.
  var fallbackGroup: GroupID? {
    guard !hasFallenBack, !caller.group.fallback.isNone else { return nil }
    return caller.group.fallback
  }

  /// Goes on in the fallback group as if the caller had asked it: new admission, its balance, its
  /// multiplier, no forced platform, no account excluded. The first admission costs nothing.
  /// - Returns: false when the request ended here, with the billing error.
  func isAdmitted(to group: GroupID, after account: UpstreamAccount) async -> Bool {
    hasFallenBack = true
    var event = FallbackGroupUsed()
    event.party = admission.party
    event.hold = admission.hold
    event.serviceTime = admission.serviceTime
    event.group = admission.group
    event.fallback = group
    event.account = account.id
    event.target = admission.target
    event.subscription = admission.subscription
    do throws(FallbackRefusal) {
      (asked, admission) = try gateway.admit(
        asked, toFallback: group, closing: event, snapshot: snapshot)
    } catch {
      reply.trace.refused(error.answer)
      if !error.isFirstClosed {
        await closeInLedger(
          .refused, status: error.answer.status, detail: error.answer.message)
      }
      await reply.fail(error.answer)
      return false
    }
    reply.trace.fallsBack(to: asked.caller, hold: admission.hold)
    isDurable = false
    excluded = []
    findSession()
    return true
  }
}
