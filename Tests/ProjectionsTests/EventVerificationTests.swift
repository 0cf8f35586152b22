// What verify looks at inside of records.
import Ledger
import Testing

@testable import Projections

@Suite struct EventVerificationTests {
  /// A user_added record: fixed part of 40 bytes, of which 25-31 are reserved; three empty strings.
  private func userAdded(_ change: (inout [UInt8]) -> Void = { _ in }) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: 46)
    (bytes[0], bytes[4], bytes[6]) = (46, 2, 40)
    change(&bytes)
    return bytes
  }
  private func problem(_ bytes: [UInt8]) -> String? {
    ReservedBytes().problem(RecordView(bytes.span))
  }

  @Test func `a reserved byte that is not zero is found`() {
    #expect(problem(userAdded()) == nil)
    #expect(problem(userAdded { $0[26] = 1 })?.contains("26") == true)
    #expect(problem(userAdded { $0[24] = 1 }) == nil)
  }

  @Test func `a type of a later version has no reserved bytes`() {
    #expect(problem(userAdded { ($0[4], $0[26]) = (60, 1) }) == nil)
  }
}
