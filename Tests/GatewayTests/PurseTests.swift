// May a request begin on this money?
import Ledger
import Testing

@testable import Gateway

private func verdict(
  left: Int64, holds: Int64 = 0, open: Int = 0, hold: Int64, strict: Bool = false
) -> Purse.Verdict {
  Purse(left: NanoUSD(left), holds: NanoUSD(holds), openHolds: open)
    .verdict(hold: NanoUSD(hold), strict: strict)
}

@Test func `a request whose hold is covered is admitted beside others`() {
  #expect(verdict(left: 100, holds: 60, open: 3, hold: 40) == .admitted)
}
@Test func `one request may run on money that does not cover its hold`() {
  #expect(verdict(left: 1, hold: 1000) == .admitted)
}
@Test func `a second one may not while the first is in flight`() {
  #expect(verdict(left: 1, holds: 1000, open: 1, hold: 1000) == .reserved)
  #expect(verdict(left: 1500, holds: 1000, open: 1, hold: 1000) == .reserved)
}
@Test func `nothing left admits nothing, not even what is free`() {
  #expect(verdict(left: 0, hold: 0) == .exhausted)
  #expect(verdict(left: -5, hold: 1) == .exhausted)
}
@Test func `strict holds want the hold covered even when nothing is in flight`() {
  #expect(verdict(left: 999, hold: 1000, strict: true) == .exhausted)
  #expect(verdict(left: 1000, hold: 1000, strict: true) == .admitted)
  #expect(verdict(left: 1000, holds: 1, open: 1, hold: 1000, strict: true) == .reserved)
}
@Test func `a free request needs something that is not held`() {
  #expect(verdict(left: 10, holds: 10, open: 1, hold: 0) == .reserved)
  #expect(verdict(left: 10, holds: 9, open: 1, hold: 0) == .admitted)
}

@Test func `the input of a hold is counted from text, images and documents`() {
  var basis = HoldBasis()
  basis.textBytes = 4
  #expect(basis.inputTokens == 2)
  basis.images = 2
  basis.documentBytes = 51_201
  #expect(basis.inputTokens == 2 + 3200 + 4000)
}
@Test func `a hold covers no more output than the limit and what was asked`() {
  var basis = HoldBasis()
  #expect(basis.outputTokens(atMost: 4096) == 4096)
  basis.maxTokens = 128_000
  #expect(basis.outputTokens(atMost: 4096) == 4096)
  basis.maxTokens = 5
  #expect(basis.outputTokens(atMost: 4096) == 5)
}

@Test func `random bits drawn ahead are given out once`() {
  let reserve = RandomReserve()
  var seen: Set<UInt64> = []
  for _ in 0..<1000 {
    let (first, second) = reserve.next()
    seen.insert(first)
    seen.insert(second)
  }
  #expect(seen.count == 2000)
}
