// What the scripted upstream is told: pace, size and failures. The texts of the command line's
// flags are read here, so that `daybook sandbox` and the tests say the same things the same way.

/// An option that cannot be used; the text says what is wrong and what is right.
public struct SandboxOptionError: Error, CustomStringConvertible {
  public let description: String
  init(_ description: String) { self.description = description }
}

/// How the scripted upstream behaves. The default answers everything at once and never fails.
public struct SandboxOptions: Sendable {
  /// A status that is answered instead of a message, for a share of the requests.
  public struct Failure: Hashable, Sendable {
    public var status: Int
    public var share: Share
    public init(status: Int, share: Share) {
      self.status = status
      self.share = share
    }
  }
  /// The statuses that can be asked for.
  static let statuses = 300...599

  /// Milliseconds from the request to the first byte of the answer. 0 ... 3,600,000.
  public var firstTokenMilliseconds = 0
  /// Milliseconds between two events of a stream; 0 sends them together. 0 ... 3,600,000.
  public var intervalMilliseconds = 0
  /// Pieces of text in an answer; nil: as many as the prompt suggests, 12 ... 60. 1 ... 100,000.
  public var events: Int?
  /// The answer's body is written in pieces of this many bytes, wherever they fall in an event or a
  /// character; nil: event by event. 1 ... 1,048,576.
  public var chunkBytes: Int?
  /// Answers with an error status. `--fail 529:0.1,500:0.05`
  public var failures: [Failure] = []
  /// The connection is closed before the answer's first byte. `--cut before:0.1`
  public var cutBefore = Share.zero
  /// The connection is closed in the middle of the answer. `--cut inside:0.1`
  public var cutInside = Share.zero
  /// The answer begins and never ends. `--stall 0.01`
  public var stall = Share.zero
  /// Path of the file that gets one JSON line per answer; nil: none.
  public var recordPath: String?
  /// Decides usage numbers, answers and who fails. Message ids are unique whatever the seed.
  public var seed: UInt64 = 1

  public init() {}

  /// A pace that looks like a model at work: what `daybook serve` starts when it has no upstream.
  public static var demo: SandboxOptions {
    var options = SandboxOptions()
    options.firstTokenMilliseconds = 200
    options.intervalMilliseconds = 20
    return options
  }
  /// Reads the value of `--fail`: `STATUS:SHARE,...`, statuses 300 ... 599.
  public mutating func setFailures(_ text: String) throws(SandboxOptionError) {
    failures = []
    for item in text.split(separator: ",", omittingEmptySubsequences: false) {
      let (name, share) = try Self.pair(item, "--fail", "STATUS:SHARE, such as 529:0.1")
      guard let status = Int(name), Self.statuses.contains(status) else {
        throw SandboxOptionError("--fail: status '\(name)' is not a number from 300 to 599")
      }
      failures.append(Failure(status: status, share: share))
    }
    try check()
  }
  /// Reads the value of `--cut`: `before:SHARE`, `inside:SHARE` or both with a comma.
  public mutating func setCuts(_ text: String) throws(SandboxOptionError) {
    (cutBefore, cutInside) = (.zero, .zero)
    for item in text.split(separator: ",", omittingEmptySubsequences: false) {
      let (name, share) = try Self.pair(item, "--cut", "before:SHARE or inside:SHARE")
      switch name {
      case "before": cutBefore = share
      case "inside": cutInside = share
      default:
        throw SandboxOptionError("--cut: '\(name)' is neither 'before' nor 'inside'")
      }
    }
    try check()
  }
  /// Throws when a number is out of its range or the shares together are over 1.
  public func check() throws(SandboxOptionError) {
    try Self.check(firstTokenMilliseconds, in: 0...3_600_000, "--first-token-ms")
    try Self.check(intervalMilliseconds, in: 0...3_600_000, "--interval-ms")
    if let events { try Self.check(events, in: 1...100_000, "--events") }
    if let chunkBytes { try Self.check(chunkBytes, in: 1...1_048_576, "--chunk-bytes") }
    for failure in failures { try Self.check(failure.status, in: Self.statuses, "--fail") }
    _ = try FateTable(self)
  }

  private static func check(
    _ number: Int, in range: ClosedRange<Int>, _ flag: String
  ) throws(SandboxOptionError) {
    guard range.contains(number) else {
      throw SandboxOptionError(
        "\(flag): \(number) is not in \(range.lowerBound) ... \(range.upperBound)")
    }
  }
  private static func pair(
    _ item: Substring, _ flag: String, _ form: String
  ) throws(SandboxOptionError) -> (name: Substring, share: Share) {
    let parts = item.split(separator: ":", omittingEmptySubsequences: false)
    guard parts.count == 2 else {
      throw SandboxOptionError("\(flag): '\(item)' is not \(form)")
    }
    return (parts[0], try Share(text: String(parts[1])))
  }
}
