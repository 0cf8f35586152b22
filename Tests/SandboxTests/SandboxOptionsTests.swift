// The flags of the scripted upstream as values: what is read, what is refused.

import Testing

@testable import Sandbox

@Suite struct SandboxOptionsTests {
  @Test func `failures are read as status and share`() throws {
    var options = SandboxOptions()
    try options.setFailures("529:0.1,500:.25")
    let shares = options.failures.map { [$0.status, $0.share.millionths] }
    #expect(shares == [[529, 100_000], [500, 250_000]])
  }
  @Test func `cuts before and inside are read together`() throws {
    var options = SandboxOptions()
    try options.setCuts("before:0.5,inside:0.000001")
    #expect(options.cutBefore.millionths == 500_000)
    #expect(options.cutInside.millionths == 1)
  }
  @Test(arguments: ["", "x", "1.1", "-0.1", "0.1234567", ".", "1e-1", "0x1", "½", "1.0.0", "+1"])
  func `a share that is not a number from 0 to 1 is refused`(text: String) {
    #expect(throws: SandboxOptionError.self) { try Share(text: text) }
  }
  @Test(arguments: [
    ("0", 0), ("1", 1_000_000), ("1.000000", 1_000_000), (".5", 500_000), ("0.", 0),
  ])
  func `a share is read exactly`(text: String, millionths: Int) throws {
    #expect(try Share(text: text).millionths == millionths)
  }
  @Test(arguments: ["529", "529:", "299:0.1", "600:0.1", "abc:0.1", "529:0.1,", "529:0.1:2"])
  func `a failure that cannot be meant is refused`(text: String) {
    var options = SandboxOptions()
    #expect(throws: SandboxOptionError.self) { try options.setFailures(text) }
  }
  @Test func `a cut at an unknown place is refused by name`() {
    var options = SandboxOptions()
    let error = #expect(throws: SandboxOptionError.self) { try options.setCuts("after:0.1") }
    #expect(error?.description.contains("'after'") == true)
  }
  @Test func `shares over 1 together are refused`() throws {
    var options = SandboxOptions()
    try options.setFailures("529:0.6")
    #expect(throws: SandboxOptionError.self) { try options.setCuts("inside:0.5") }
  }
  @Test func `numbers out of range are refused`() {
    var options = SandboxOptions()
    options.chunkBytes = 0
    #expect(throws: SandboxOptionError.self) { try options.check() }
    options = SandboxOptions()
    options.firstTokenMilliseconds = -1
    #expect(throws: SandboxOptionError.self) { try options.check() }
  }

  @Test func `a model's name decides its fate`() throws {
    let table = try FateTable(SandboxOptions())
    var dice = Dice(seed: 1)
    let expected: [(String, Fate)] = [
      ("sandbox-529", .status(529)), ("sandbox-302", .status(302)), ("sandbox-stall", .stall),
      ("sandbox-cut-before", .cutBefore), ("sandbox-cut-inside", .cutInside),
      ("sandbox-stream-error", .streamError(isEarly: false)),
      ("sandbox-early-error", .streamError(isEarly: true)), ("sandbox-garbage", .garbage),
      ("sandbox-too-long", .tooLong), ("sandbox-safety", .safety), ("sandbox-blocked", .blocked),
      ("sandbox-200", .answer), ("sandbox-9999", .answer), ("claude-opus-5-5", .answer),
    ]
    for (model, fate) in expected { #expect(table.fate(model: model, draw: &dice) == fate) }
  }
  @Test func `failures come as often as their shares say`() throws {
    var options = SandboxOptions()
    try options.setFailures("529:0.2")
    try options.setCuts("inside:0.3")
    let table = try FateTable(options)
    var dice = Dice(seed: 42)
    var counts: [Fate: Int] = [:]
    for _ in 0..<10_000 { counts[table.fate(model: "m", draw: &dice), default: 0] += 1 }
    // Six standard deviations of a binomial draw are 240 and 275.
    #expect(abs(counts[.status(529), default: 0] - 2_000) < 240)
    #expect(abs(counts[.cutInside, default: 0] - 3_000) < 275)
    #expect(counts.count == 3)
  }
}
