// The power fails at every call of a run that appends, rolls, seals, closes and opens again. After
// each: the ledger opens, every acknowledged event is there, in order, once, and nothing else is
// believed.
import Base
import Ledger
import TestSupport
import Testing

@Suite struct CrashTests {
  private static let options: LedgerOptions = {
    var options = LedgerOptions()
    options.segmentBytes = 20_480
    options.retryMilliseconds = 1
    return options
  }()

  /// Two runs of the ledger, one after another.
  /// - Returns: the last acknowledged sequence, wherever the run ended.
  private func run(_ files: SimulatedFileSystem) -> (acknowledged: UInt64, appended: UInt64) {
    var acknowledged: UInt64 = 0
    var appended: UInt64 = 0
    do {
      for _ in 1...2 {
        let fixture = try LedgerFixture(files, at: "data", options: Self.options)
        appended = fixture.ledger.recovery.last.value
        try fixture.start()
        defer { try? fixture.ledger.close() }
        for index in 1...9 {
          appended += 1
          let size = index.isMultiple(of: 3) ? 5000 : 90
          acknowledged = try fixture.appendDurably(size: size).value
          if index.isMultiple(of: 2) { try fixture.ledger.prepareAhead() }
          if index.isMultiple(of: 4) { _ = try fixture.ledger.sealIfNeeded { _, _ in } }
        }
      }
    } catch {
      // The power failed: what was acknowledged until then is what counts.
    }
    return (acknowledged, appended)
  }

  @Test(arguments: [UInt64](1...4))
  func `what was acknowledged survives a crash at any call`(seed: UInt64) throws {
    var number = 0
    while true {
      number += 1
      let files = SimulatedFileSystem(capacity: 1 << 20)
      let last = number
      files.plan { $0.number == last ? .crash : nil }
      let (acknowledged, appended) = run(files)
      if !files.hasCrashed { break }
      let where_ = "seed \(seed), call \(number)"

      let after = files.crash(seed: seed &* 1_000_003 &+ UInt64(number))
      let reopened = try LedgerFixture(after, at: "data", options: Self.options)
      let found = try LedgerFixture.readAll(reopened.ledger.files)
      try #require(found.value >= acknowledged, "\(where_)")
      try #require(found.value <= appended, "\(where_)")
      try reopened.start()
      try #require(try reopened.appendDurably().value == found.value + 1, "\(where_)")
      try reopened.ledger.close()
      try #require(try Verification.run(after, at: "data").damages == [], "\(where_)")
    }
    #expect(number > 200, "the run makes many calls")
  }
}
