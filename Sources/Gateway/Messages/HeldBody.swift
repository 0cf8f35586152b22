// A request's body while it may still be sent to another upstream. It is let go as soon as an
// answer has begun: a thousand streams do not keep a thousand prompts.
import HTTP

/// The bytes of a body, counted in the budget of all buffered bodies.
final class HeldBody {
  private(set) var bytes: [UInt8]
  private var reserved: Int
  private let budget: BodyBudget

  init(_ bytes: [UInt8], in budget: BodyBudget) {
    self.bytes = bytes
    self.budget = budget
    reserved = bytes.count
  }

  /// Lets the bytes go; later calls do nothing.
  func free() {
    bytes = []
    budget.release(reserved)
    reserved = 0
  }
}
