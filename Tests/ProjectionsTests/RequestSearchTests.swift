// From a request's id to its events: over several segments, among requests of the same moment, for
// every way a request can end or not end.
import Base
import Ledger
import TestSupport
import Testing

@testable import Projections

@Suite struct RequestSearchTests {
  /// A ledger of small segments with a clock moved by hand.
  private final class Bed {
    let directory = TemporaryDirectory()
    let live: LiveLedger
    var now = Timestamp(microseconds: 1_780_000_000_000_000)

    init() throws {
      var options = LiveLedgerOptions(directory: directory.path + "/data")
      options.clock = ManualWallClock(now)
      options.runsKeeper = false
      options.keepsTree = false
      options.segmentBytes = 16 << 10
      live = try LiveLedger.open(options)
      try change { $0 = try Scenario.small(in: $0.books, now: $0.now) }
    }
    deinit { try? live.close() }

    func advance(seconds: Int64) {
      now = Timestamp(microseconds: now.microseconds + seconds * 1_000_000)
    }

    /// Appends durably: at least one block of its own.
    @discardableResult
    func change<Result>(_ body: (inout Scenario) throws -> Result) throws -> Result {
      let (result, last) = try live.withBooks { books in
        var scenario = Scenario(in: books, now: now)
        let result = try body(&scenario)
        books = scenario.books
        return (result, books.lastSequence)
      }
      try live.waitUntilDurable(last)
      return result
    }

    func find(_ id: ULID) throws -> FoundRequest? {
      try RequestSearch.find(id, in: live.files)
    }
  }

  @Test func `a request is found in whichever segment it stands`() throws {
    let bed = try Bed()
    var made: [(id: ULID, found: FoundRequest)] = []
    for number in 0..<24 {
      bed.advance(seconds: 30)
      let request = try bed.change { try $0.admit(hold: 100) }
      bed.advance(seconds: 5)
      let closing = try bed.change { try $0.settle(request, charged: Int64(number)) }
      made.append(
        (request.requestID, FoundRequest(admission: request.party.admission, closing: closing)))
    }
    try #require(bed.live.files.segments.count > 2)
    for (id, expected) in made { #expect(try bed.find(id) == expected) }
  }

  @Test func `a request that runs while others end is found with its own settlement`() throws {
    let bed = try Bed()
    let long = try bed.change { try $0.admit(hold: 100) }
    for _ in 0..<12 {
      bed.advance(seconds: 600)
      try bed.change { try $0.settle(try $0.admit(hold: 1), charged: 1) }
    }
    let closing = try bed.change { try $0.settle(long, charged: 7) }
    try #require(bed.live.files.segments.count > 1)
    #expect(
      try bed.find(long.requestID)
        == FoundRequest(admission: long.party.admission, closing: closing))
  }

  @Test func `requests of the same moment are told apart`() throws {
    let bed = try Bed()
    let requests = try bed.change { s in try (0..<20).map { _ in try s.admit(hold: 10) } }
    let closings = try bed.change { s in
      try requests.reversed().map { try s.settle($0, charged: 3) }
    }
    for (request, closing) in zip(requests, closings.reversed()) {
      #expect(
        try bed.find(request.requestID)
          == FoundRequest(admission: request.party.admission, closing: closing))
    }
  }

  @Test func `a request that waited an hour for its slot is found by the time it came`() throws {
    let bed = try Bed()
    try bed.change { try $0.settle(try $0.admit(), charged: 1) }
    let came = bed.now
    bed.advance(seconds: 3599)
    let id = ULID(time: came, random: (3, 3))
    let admission = try bed.change { try $0.append(Self.check(id, allowed: true)) }
    #expect(try bed.find(id) == FoundRequest(admission: admission))
  }

  @Test func `a refused request is found as the billing check that refused it`() throws {
    let bed = try Bed()
    try bed.change { try $0.settle(try $0.admit(), charged: 1) }
    let id = ULID(time: bed.now, random: (4, 4))
    let refusal = try bed.change { try $0.append(Self.check(id, allowed: false)) }
    try bed.change { try $0.settle(try $0.admit(), charged: 1) }
    let found = try #require(try bed.find(id))
    #expect(found.isRefused && found.refusal == refusal && found.closing == nil)
  }

  @Test func `an open request is found without a closing event`() throws {
    let bed = try Bed()
    let open = try bed.change { try $0.admit(hold: 50) }
    bed.advance(seconds: 60)
    try bed.change { try $0.settle(try $0.admit(), charged: 1) }
    #expect(try bed.find(open.requestID) == FoundRequest(admission: open.party.admission))
  }

  @Test func `a failed request is found with the event that closed it`() throws {
    let bed = try Bed()
    let request = try bed.change { try $0.admit(hold: 50) }
    let closing = try bed.change { s in
      try s.fail(request)
      return s.books.lastSequence
    }
    #expect(
      try bed.find(request.requestID)
        == FoundRequest(admission: request.party.admission, closing: closing))
  }

  @Test func `an unknown outcome closes a request until it is settled late`() throws {
    let bed = try Bed()
    let request = try bed.change { try $0.admit(hold: 50) }
    bed.advance(seconds: 60)
    let unknown = try bed.change { s in
      try s.loseTrack(request)
      return s.books.lastSequence
    }
    #expect(try bed.find(request.requestID)?.closing == unknown)
    bed.advance(seconds: 3 * 3600)
    let settled = try bed.change {
      try $0.append(LateSettled($0.settlement(of: request, charged: 9)))
    }
    #expect(
      try bed.find(request.requestID)
        == FoundRequest(admission: request.party.admission, closing: settled))
  }

  @Test func `what the log does not have is not found, whatever its time`() throws {
    let bed = try Bed()
    for _ in 0..<12 {
      bed.advance(seconds: 3600)
      try bed.change { try $0.settle(try $0.admit(), charged: 1) }
    }
    let end = bed.now.microseconds
    let offsets: [Int64] = [
      -end, -86_400_000_000, -6 * 3_600_000_000, -1000, 0, 1000, 86_400_000_000,
    ]
    for offset in offsets {
      let id = ULID(time: Timestamp(microseconds: end + offset), random: (9, 9))
      #expect(try bed.find(id) == nil, "offset \(offset)")
    }
    #expect(try bed.find(ULID.none) == nil)
  }

  @Test func `an empty log has no request`() throws {
    let directory = TemporaryDirectory()
    var options = LiveLedgerOptions(directory: directory.path + "/data")
    options.runsKeeper = false
    options.keepsTree = false
    let live = try LiveLedger.open(options)
    let id = ULID(time: Timestamp(microseconds: 1_780_000_000_000_000), random: (1, 1))
    #expect(try RequestSearch.find(id, in: live.files) == nil)
    try live.close()
  }

  /// The billing check of the first key's request.
  private static func check(_ id: ULID, allowed: Bool) -> BillingChecked {
    var check = BillingChecked()
    check.party.user = UserID(1)
    check.party.key = KeyID(1)
    check.group = GroupID(1)
    check.allowed = allowed
    check.refusal = allowed ? .none : .insufficientBalance
    check.requestID = id
    return check
  }
}
