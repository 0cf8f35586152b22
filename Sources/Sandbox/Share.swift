// What goes wrong on demand, and how often. Shares are counted in millionths: 0.25 is 250,000.
// One draw decides one request, so the shares of all failures together are at most 1.

/// A part of all requests, in millionths. Range 0 ... 1,000,000.
public struct Share: Hashable, Sendable {
  public let millionths: Int

  /// Nil when outside 0 ... 1,000,000.
  public init?(millionths: Int) {
    guard 0...1_000_000 ~= millionths else { return nil }
    self.millionths = millionths
  }
  /// A decimal number from 0 to 1 with at most six digits behind the point: `0.25`, `1`, `.5`.
  public init(text: String) throws(SandboxOptionError) {
    let parts = text.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
    let whole = parts.first ?? ""
    let fraction = parts.count == 2 ? parts[1] : ""
    let isDecimal = (whole + fraction).utf8.allSatisfy { 0x30...0x39 ~= $0 }
    guard isDecimal, !(whole.isEmpty && fraction.isEmpty), fraction.count <= 6, whole.count <= 6,
      let units = Int(whole.isEmpty ? "0" : whole),
      let rest = Int(fraction + String(repeating: "0", count: 6 - fraction.count)),
      let share = Share(millionths: units * 1_000_000 + rest)
    else {
      throw SandboxOptionError(
        "share '\(text)' is not a number from 0 to 1 with at most six digits, such as 0.05")
    }
    self = share
  }
  /// Never.
  public static let zero = Share(unchecked: 0)
  private init(unchecked millionths: Int) { self.millionths = millionths }
}

/// What happens to one request for an answer.
enum Fate: Hashable, Sendable {
  /// A whole answer.
  case answer
  /// An error answer with this status.
  case status(Int)
  /// The connection is closed before the first byte of the answer.
  case cutBefore
  /// The connection is closed in the middle of the answer.
  case cutInside
  /// The answer begins, then nothing more comes, until the caller leaves.
  case stall
  /// A stream that carries an error: before its first content, or in the middle of it.
  case streamError(isEarly: Bool)
  /// Status 200 and something that is neither JSON nor a stream.
  case garbage
  /// Status 200 with the provider's error object as the body.
  case errorBody
  /// A whole answer without any usage numbers.
  case missingUsage
  /// 400: the prompt is longer than the model's context.
  case tooLong
  /// A filter of the provider stops the answer behind some text.
  case safety
  /// A filter of the provider stops the prompt.
  case blocked
}

/// The shares of all failures.
struct FateTable: Sendable {
  private var rows: [(upTo: Int, fate: Fate)] = []

  init(_ options: SandboxOptions) throws(SandboxOptionError) {
    var total = 0
    func add(_ share: Share, _ fate: Fate) {
      total += share.millionths
      if share.millionths > 0 { rows.append((total, fate)) }
    }
    for failure in options.failures { add(failure.share, .status(failure.status)) }
    add(options.cutBefore, .cutBefore)
    add(options.cutInside, .cutInside)
    add(options.stall, .stall)
    guard total <= 1_000_000 else {
      throw SandboxOptionError(
        "the shares of --fail, --cut and --stall together are over 1; lower them")
    }
  }
  /// The fate of a request: its model's name decides, else one draw.
  func fate(model: String, draw: inout Dice) -> Fate {
    if let scripted = Fate(model: model) { return scripted }
    let number = draw.below(1_000_000)
    return rows.first { number < $0.upTo }?.fate ?? .answer
  }
}

extension Fate {
  /// The fate that a model's name asks for: `sandbox-529`, `sandbox-stall`, ...; nil for all
  /// others.
  init?(model: String) {
    guard model.hasPrefix("sandbox-") else { return nil }
    switch model.dropFirst("sandbox-".count) {
    case "cut-before": self = .cutBefore
    case "cut-inside": self = .cutInside
    case "stall": self = .stall
    case "stream-error": self = .streamError(isEarly: false)
    case "early-error": self = .streamError(isEarly: true)
    case "garbage": self = .garbage
    case "error-body": self = .errorBody
    case "no-usage": self = .missingUsage
    case "too-long": self = .tooLong
    case "safety": self = .safety
    case "blocked": self = .blocked
    case let text:
      guard let status = Int(text), SandboxOptions.statuses.contains(status) else { return nil }
      self = .status(status)
    }
  }
}
