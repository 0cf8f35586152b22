// Which addresses a key may be used from, and which address a request comes from when proxies are
// in between.
import Base
import Ledger
import Projections
import TestSupport
import Testing

@testable import Gateway

@Suite struct AddressRuleTests {
  /// Asks as if from `address`: the loopback peer is a trusted proxy.
  private func isAllowed(_ address: String, allow: String, deny: String) async throws -> Bool {
    let bed = try GatewayBed { configuration in
      configuration.gateway.trustedProxies = [AddressRange("127.0.0.0/8")].compactMap { $0 }
    }
    try bed.changeKey {
      $0.allow = allow
      $0.deny = deny
    }
    let answer = try await bed.exchange(
      GatewayBed.request(
        "GET", "/v1/usage",
        headers: "x-api-key: sk-test-key\r\nx-forwarded-for: \(address)\r\n"))
    let received = Received(answer)
    #expect(received.status == 200 || received.json?["code"]?.string == "ACCESS_DENIED")
    return received.status == 200
  }

  @Test(arguments: [
    ("203.0.113.9", "", "", true),
    ("203.0.113.9", "203.0.113.0/24", "", true),
    ("203.0.114.9", "203.0.113.0/24", "", false),
    ("203.0.113.9", "198.51.100.1, 203.0.113.9", "", true),
    ("203.0.113.9", "", "203.0.113.0/24", false),
    ("203.0.114.9", "", "203.0.113.0/24", true),
    // What is denied stays denied, however exactly it is allowed.
    ("203.0.113.9", "203.0.113.9", "203.0.113.0/24", false),
    ("203.0.113.8", "203.0.113.0/24", "203.0.113.9", true),
    ("2001:db8:7::1", "2001:db8::/32", "", true),
    ("2001:db9::1", "2001:db8::/32", "", false),
    ("2001:db8::bad", "2001:db8::/32", "2001:db8::bad/128", false),
    // IPv4 and its IPv6-mapped form are one address.
    ("::ffff:203.0.113.9", "203.0.113.0/24", "", true),
    ("::ffff:203.0.113.9", "", "203.0.113.9", false),
    ("203.0.113.9", "::ffff:203.0.113.0/120", "", true),
    ("203.0.113.9", "0.0.0.0/0", "", true),
    ("2001:db8::1", "0.0.0.0/0", "", false),
    ("2001:db8::1", "", "::/0", false),
    // Lists are checked when they are set; should one be damaged, nobody passes.
    ("203.0.113.9", "203.0.113.0/24, nonsense", "", false),
    ("203.0.113.9", "", "nonsense", false),
  ])
  func `a key is used from where its lists allow it`(
    address: String, allow: String, deny: String, isExpected: Bool
  ) async throws {
    #expect(try await isAllowed(address, allow: allow, deny: deny) == isExpected)
  }

  @Test func `a changed list counts from the next request on`() async throws {
    let bed = try GatewayBed()
    let statuses = try await bed.talk { talk in
      try ["", "127.0.0.2", "127.0.0.1", ""].map { deny in
        try bed.changeKey { $0.deny = deny }
        try talk.send(GatewayBed.request("GET", "/v1/usage"))
        return Received(try talk.answer()).status
      }
    }
    #expect(statuses == [200, 200, 403, 200])
  }

  @Test func `lists outlive a restart`() throws {
    let directory = TemporaryDirectory()
    let options = LiveLedgerOptions(directory: directory.path + "/data")
    let first = try LiveLedger.open(options)
    try first.withBooks { books throws(BooksError) in
      var group = GroupDeclared()
      group.group = books.catalog.nextGroup
      group.name = "default"
      try books.append(group, now: ErrorCase.noon)
      var user = UserState()
      user.user = books.catalog.nextUser
      user.name = "tester"
      try books.append(UserAdded(user), now: ErrorCase.noon)
      var key = KeyState()
      key.key = books.catalog.nextKey
      key.user = user.user
      key.group = group.group
      key.hash = sha256("sk".utf8)
      key.allow = "203.0.113.0/24"
      try books.append(KeyIssued(key), now: ErrorCase.noon)
    }
    try first.close()
    let second = try LiveLedger.open(options)
    #expect(second.opening.loaded != .none, "from the checkpoint, not from the log")
    let key = try #require(second.withBooks { $0.catalog.key(GatewayBed.key1) })
    #expect(key.addresses.allows(InternetAddress("203.0.113.200")))
    #expect(!key.addresses.allows(InternetAddress("203.0.114.200")))
    #expect(!key.addresses.allows(nil), "the local socket has no address to allow")
    try second.close()
  }

  /// The address that the only admission says it came from.
  private func recordedAddress(_ bed: GatewayBed) throws -> String? {
    let check = try #require(try bed.events(BillingChecked.self).first)
    let bytes = check.isIPv6 ? check.address : Array(check.address.prefix(4))
    return InternetAddress(bytes: bytes)?.description
  }

  /// Trusted proxies, the X-Forwarded-For lines, and the address the request is taken to be from.
  private static let hops: [([String], [String], String)] = [
    ([], ["203.0.113.9"], "127.0.0.1"),
    (["10.0.0.0/8"], ["203.0.113.9"], "127.0.0.1"),
    (["127.0.0.1"], [], "127.0.0.1"),
    (["127.0.0.1"], ["203.0.113.9"], "203.0.113.9"),
    // What stands further left was written by somebody nobody trusts.
    (["127.0.0.1"], ["198.51.100.1, 203.0.113.9"], "203.0.113.9"),
    (["127.0.0.1", "10.0.0.0/8"], ["198.51.100.1, 203.0.113.9, 10.1.1.1"], "203.0.113.9"),
    (["127.0.0.1", "10.0.0.0/8"], ["10.9.9.9, 10.1.1.1"], "10.9.9.9"),
    // Several lines are one list.
    (["127.0.0.1", "10.0.0.0/8"], ["198.51.100.1", "203.0.113.9", "10.1.1.1"], "203.0.113.9"),
    // A bad entry ends the walk at the last address that somebody trusted has vouched for.
    (["127.0.0.1", "10.0.0.0/8"], ["203.0.113.9, unknown, 10.1.1.1"], "10.1.1.1"),
    (["127.0.0.1"], ["203.0.113.9:4711"], "127.0.0.1"),
    (["127.0.0.1"], ["203.0.113.9,"], "127.0.0.1"),
    (["127.0.0.1"], ["203.0. 113.9"], "127.0.0.1"),
    (["127.0.0.1"], ["[2001:db8::1]"], "127.0.0.1"),
    (["127.0.0.1"], ["\t2001:db8::1 "], "2001:db8::1"),
    (["::ffff:127.0.0.1"], ["::ffff:203.0.113.9"], "203.0.113.9"),
  ]
  @Test(arguments: AddressRuleTests.hops)
  func `the caller is found behind trusted proxies, and nobody can pretend`(
    trusted: [String], lines: [String], expected: String
  ) async throws {
    let bed = try GatewayBed { configuration in
      configuration.gateway.trustedProxies = trusted.compactMap { AddressRange($0) }
    }
    let forwarded = lines.map { "x-forwarded-for: \($0)\r\n" }.joined()
    let answer = try await bed.exchange(
      GatewayBed.request(
        body: GatewayBed.body(), headers: "x-api-key: sk-test-key\r\n\(forwarded)"))
    #expect(Received(answer).status == 200)
    #expect(try recordedAddress(bed) == expected)
  }

  @Test func `a header as long as a head may be is walked to its end`() async throws {
    let bed = try GatewayBed { configuration in
      configuration.gateway.trustedProxies = [
        AddressRange("127.0.0.1"), AddressRange("10.0.0.0/8"),
      ].compactMap { $0 }
    }
    let hops = "203.0.113.9, " + Array(repeating: "10.1.1.1", count: 1500).joined(separator: ",")
    let answer = try await bed.exchange(
      GatewayBed.request(
        body: GatewayBed.body(),
        headers: "x-api-key: sk-test-key\r\nx-forwarded-for: \(hops)\r\n"))
    #expect(Received(answer).status == 200)
    #expect(try recordedAddress(bed) == "203.0.113.9")
  }
}
