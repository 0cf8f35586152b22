// What books do with events: holds, charges, and what they refuse.
import Base
import Ledger
import Testing

@testable import Projections

struct BooksTests {
  @Test func `a hold reduces what is available and a settlement turns it into a charge`() throws {
    var s = try Scenario.small(credit: 5000)
    let request = try s.admit(hold: 3000)
    var money = s.books.available(user: UserID(1))
    #expect(money.balance == NanoUSD(5000))
    #expect(money.holds == NanoUSD(3000))
    #expect(money.openHolds == 1)
    try s.settle(request, charged: 1200)
    money = s.books.available(user: UserID(1))
    #expect(money.balance == NanoUSD(3800))
    #expect(money.holds == .zero)
    #expect(money.openHolds == 0)
    #expect(s.books.keyQuota(KeyID(1)).used == NanoUSD(1200))
  }

  @Test func `an admission is stamped with its own sequence, time and local day`() throws {
    var s = try Scenario.small()
    var zone = TimeZoneSet()
    zone.name = "Asia/Tokyo"
    try s.append(zone)
    s.now = Timestamp(microseconds: 1_780_000_000_000_000 + 20 * 3_600_000_000)
    let before = s.books.nextSequence
    let request = try s.admit()
    #expect(request.sequence == before)
    #expect(request.serviceTime == s.now)
    #expect(request.serviceDay == s.books.zone.day(of: s.now))
  }

  @Test func `a second closing of an admission is refused and appends nothing`() throws {
    var s = try Scenario.small()
    let request = try s.admit()
    try s.settle(request, charged: 10)
    let next = s.books.nextSequence
    #expect(throws: BooksError.refused(.notOpen(admission: request.sequence))) {
      try s.settle(request, charged: 10)
    }
    #expect(throws: BooksError.refused(.notOpen(admission: request.sequence))) {
      try s.fail(request)
    }
    #expect(s.books.nextSequence == next)
    #expect(s.books.available(user: UserID(1)).balance == NanoUSD(10_000_000_000 - 10))
  }

  @Test func `a closing event that does not repeat its admission's hold is refused`() throws {
    var s = try Scenario.small()
    let request = try s.admit(hold: 500)
    var settled = s.settlement(of: request, charged: 10)
    settled.hold = NanoUSD(499)
    #expect(throws: BooksError.refused(.doesNotMatch(admission: request.sequence))) {
      try s.append(ForwardSettled(settled))
    }
  }

  @Test func `an unknown outcome releases its hold and takes exactly one late settlement`() throws {
    var s = try Scenario.small(credit: 5000)
    let request = try s.admit(hold: 3000)
    try s.loseTrack(request)
    #expect(s.books.available(user: UserID(1)).holds == .zero)
    #expect(s.books.openRequests.unknownCount == 1)
    let late = LateSettled(s.settlement(of: request, charged: 700))
    try s.append(late)
    #expect(s.books.available(user: UserID(1)).balance == NanoUSD(4300))
    #expect(s.books.openRequests.unknownCount == 0)
    #expect(throws: BooksError.refused(.notOpen(admission: request.sequence))) {
      try s.append(late)
    }
  }

  @Test func `a late settlement of a request that is still open is refused`() throws {
    var s = try Scenario.small()
    let request = try s.admit()
    #expect(throws: BooksError.refused(.notOpen(admission: request.sequence))) {
      try s.append(LateSettled(s.settlement(of: request, charged: 700)))
    }
  }

  @Test func `the same external id names the first credit, another amount is an error`() throws {
    var s = try Scenario.small(credit: 0)
    let first = try s.credit(user: 1, 100, externalID: "invoice 7")
    #expect(throws: BooksError.refused(.alreadyRecorded(first))) {
      try s.credit(user: 1, 100, externalID: "invoice 7")
    }
    #expect(throws: BooksError.refused(.externalIDTaken(first))) {
      try s.credit(user: 1, 101, externalID: "invoice 7")
    }
    #expect(s.books.available(user: UserID(1)).balance == NanoUSD(100))
  }

  @Test func `time never goes back and a step of more than a second is one event`() throws {
    var s = try Scenario.small()
    let last = s.books.lastTime
    let count = s.books.lastSequence.value
    s.advance(seconds: -10)
    try s.credit(user: 1, 1)
    try s.credit(user: 1, 2)
    #expect(s.books.lastTime == last)
    #expect(s.books.lastSequence.value == count + 3)
    let stepped = s.records[Int(count)]
    #expect(RecordView(stepped.span).type == RecordType.clockStepped.rawValue)
  }

  @Test func `a full batch refuses admissions but takes settlements`() throws {
    var s = try Scenario.small()
    var open: [OpenRequest] = []
    for _ in 0..<200 { open.append(try s.admit(hold: 1)) }
    var declared = SettingsDeclared()
    declared.settings = String(repeating: "x", count: 60_000)
    var failure: BooksError?
    while failure == nil {
      do throws(BooksError) { try s.books.append(declared, now: s.now) } catch { failure = error }
    }
    #expect(failure == .full)
    for request in open {
      try s.books.append(
        ForwardSettled(s.settlement(of: request, charged: 1)), now: s.now)
    }
    #expect(s.books.openRequests.openCount == 0)
  }

  @Test func `an event too long for a record is refused with its length`() throws {
    var s = try Scenario.small()
    var declared = SettingsDeclared()
    declared.settings = String(repeating: "x", count: 65_530)
    #expect(throws: BooksError.tooLong(length: 16 + 2 + 65_530 + 4)) { try s.append(declared) }
  }

  @Test func `an admission of another user's key is refused`() throws {
    var s = try Scenario.small()
    try s.addUser("bob")
    var event = BillingChecked()
    event.party.user = UserID(2)
    event.party.key = KeyID(1)
    event.group = GroupID(1)
    event.allowed = true
    #expect(throws: BooksError.refused(.unknownKey(KeyID(1)))) { try s.append(event) }
  }

  @Test func `a charge above a million dollars is refused`() throws {
    var s = try Scenario.small()
    let request = try s.admit()
    #expect(throws: BooksError.refused(.outOfRange("the charge"))) {
      try s.settle(request, charged: NanoUSD.chargeLimit.value + 1)
    }
    #expect(s.books.openRequests.openCount == 1)
  }

  @Test func `more open requests than the ring has places are all found again`() throws {
    var s = try Scenario.small()
    let old = try s.admit(hold: 1)
    var others: [OpenRequest] = []
    for _ in 0..<(OpenRequests.ringSize + 10) { others.append(try s.admit(hold: 1)) }
    try s.settle(old, charged: 1)
    for request in others { try s.fail(request) }
    #expect(s.books.openRequests.openCount == 0)
    #expect(s.books.available(user: UserID(1)).holds == .zero)
    #expect(s.books.available(user: UserID(1)).openHolds == 0)
  }
}
