// An upstream's stream on its way in: translated where its platform speaks another language, then
// metered and made ready for the caller. No I/O.
import Base
import Ledger

struct IncomingStream {
  private(set) var relay: StreamRelay
  private var translator: GeminiStream?

  /// - Parameters:
  ///   - restoring: the model name to put back into message_start; nil = as it comes.
  ///   - translator: nil for a stream that is Anthropic's already.
  init(restoring model: String?, translator: GeminiStream?) {
    relay = StreamRelay(restoring: translator == nil ? model : nil)
    self.translator = translator
  }

  /// What is charged for. A translation meters itself: the 0 of its message_start is no report.
  var meter: UsageMeter { translator?.meter ?? relay.meter }

  /// Why a translated stream goes no further; nil while it does.
  var failure: GeminiFailure? { translator?.failure }

  mutating func take(_ bytes: [UInt8], now: Timestamp) {
    if translator == nil { return relay.take(bytes) }
    relay.take(translator?.take(bytes, now: now) ?? [])
  }

  /// The upstream's connection is at its end, or broke. A translated answer gets its last events
  /// when the upstream had said how it ends.
  mutating func end(isBroken: Bool) {
    guard let isComplete = translator?.isComplete, isComplete || !isBroken else { return }
    relay.take(translator?.end() ?? [])
  }

  /// Lets withheld events go.
  mutating func release() { relay.release() }
  /// What is to be sent now.
  mutating func takeOutput() -> [UInt8] { relay.takeOutput() }
}
