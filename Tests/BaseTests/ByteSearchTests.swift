// Looking for bytes in bytes, against the plainest way to do it.
import Testing

@testable import Base

private func isIn(_ bytes: [UInt8], _ needle: [UInt8]) -> Bool {
  if needle.count > bytes.count { return false }
  return (0...(bytes.count - needle.count)).contains {
    Array(bytes[$0..<$0 + needle.count]) == needle
  }
}

@Test func `bytes are found wherever they stand, and only there`() {
  let seed = UInt64.random(in: 0 ... .max)
  var random = SeededGenerator(seed: seed)
  for _ in 0..<5_000 {
    // Few different bytes, so that near misses are frequent.
    let bytes = (0..<Int(random.next() % 40)).map { _ in UInt8(random.next() % 3) }
    let needle = (0..<Int(random.next() % 6)).map { _ in UInt8(random.next() % 3) }
    #expect(bytes.contains(sequence: needle) == isIn(bytes, needle), "seed \(seed)")
  }
}

@Test func `what stands at the very end is found`() {
  let bytes = [UInt8](repeating: 97, count: 1_000) + Array("ephemeral".utf8)
  #expect(bytes.contains(sequence: Array("ephemeral".utf8)))
  #expect(!Array(bytes.dropLast()).contains(sequence: Array("ephemeral".utf8)))
}
