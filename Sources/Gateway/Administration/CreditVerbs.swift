// Commands about money that users bring: credits, and debits as negative credits.
import Base
import Ledger
import Projections

enum CreditVerbs {
  /// Longest external id in bytes (spec: ledger, section 4).
  static let externalIDLength = 128

  /// Idempotent by external id: the same credit again records nothing and answers the same.
  static func add(
    _ books: inout Books, _ arguments: AdministrationArguments, _ context: AdministrationContext
  ) throws(AdministrationError) -> [UInt8] {
    guard let amount = try arguments.money("usd") else { throw .usage("usd is missing") }
    guard amount != .zero else { throw .usage("usd must not be 0") }
    let reason = try arguments.reason()
    guard !reason.isEmpty else { throw .usage("reason is missing: say why the credit is given") }
    let user = try books.user(called: try arguments.required("user"))
    var event = CreditAdded()
    event.party.user = user.id
    event.amount = amount
    event.salt = context.salt()
    event.externalID = try arguments.text("external_id") ?? ""
    try arguments.checkLine("external_id", event.externalID, longest: externalIDLength)
    event.authorship = Authorship(actor: context.actor, reason: reason)
    var isRepeated = false
    let sequence: SequenceNumber
    do {
      sequence = try books.append(event, now: context.now)
    } catch .refused(.alreadyRecorded(let earlier)) {
      sequence = earlier
      isRepeated = true
    } catch .refused(.externalIDTaken(let earlier)) {
      throw .conflict(
        "external id \"\(event.externalID)\" was used for another credit (event \(earlier)); "
          + "nothing was added")
    } catch {
      throw AdministrationError(error)
    }
    let balance = books.balances.balance(of: user.id).balance
    return JSONWriter.text {
      $0.object {
        $0.member("sequence", sequence.value)
        $0.member("user", user.name)
        $0.member("amount_usd", money: amount)
        $0.member("balance_usd", money: balance)
        $0.member("external_id", optional: event.externalID.isEmpty ? nil : event.externalID)
        $0.member("repeated", isRepeated)
      }
    }
  }
}
