// Parts the configuration is made of: addresses, ranges, credentials, names, public identifiers.
import Base
import Ledger
import Testing

@testable import Gateway

@Suite struct AddressRangeTests {
  @Test(arguments: [
    ("10.0.0.0/8", "10.255.1.2", true), ("10.0.0.0/8", "11.0.0.0", false),
    ("192.0.2.7", "192.0.2.7", true), ("192.0.2.7", "192.0.2.8", false),
    ("0.0.0.0/0", "203.0.113.9", true), ("0.0.0.0/0", "2001:db8::1", false),
    ("2001:db8::/33", "2001:db8:7fff::1", true), ("2001:db8::/33", "2001:db8:8000::1", false),
    ("::/0", "203.0.113.9", true), ("10.0.0.0/8", "::ffff:10.1.1.1", true),
  ])
  func `a range holds exactly the addresses that share its first bits`(
    range: String, address: String, isInside: Bool
  ) throws {
    let range = try #require(AddressRange(range))
    let address = try #require(InternetAddress(address))
    #expect(range.contains(address) == isInside)
  }

  @Test(arguments: [
    "", "10.0.0.0/", "10.0.0.0/33", "10.0.0.1/8", "10.0.0/8", "::/129", "10.0.0.0/8/8", "x",
    "10.0.0.0/+8", "10.0.0.0/ 8", "1.2.3.4%eth0",
  ])
  func `what is no range is refused`(text: String) { #expect(AddressRange(text) == nil) }

  @Test(arguments: ["10.0.0.0/8", "192.0.2.7", "2001:db8::/32", "::1", "0.0.0.0/0", "::/0"])
  func `a range prints as it was written`(text: String) {
    #expect(AddressRange(text)?.description == text)
  }

  @Test func `a list names its first bad entry`() throws {
    #expect(try AddressRange.list("10.0.0.0/8, ::1").get().count == 2)
    #expect(throws: AddressRange.InvalidEntry(text: "bad")) {
      try AddressRange.list("10.0.0.0/8,bad").get()
    }
  }

  @Test func `a recorded prefix keeps 24 bits of IPv4 and 48 of IPv6`() {
    #expect(InternetAddress("192.0.2.77")?.prefix.description == "192.0.2.0")
    #expect(InternetAddress("2001:db8:1:2:3::4")?.prefix.description == "2001:db8:1::")
  }
}

@Suite struct CredentialTests {
  private func configuration(_ source: CredentialSource) -> Configuration {
    var configuration = Configuration()
    configuration.accounts = [
      AccountSettings(
        name: "a", platform: .anthropic, groups: [], baseURL: "http://h", credential: source)
    ]
    return configuration
  }
  private let surroundings = Credentials.Surroundings(
    environment: { ["KEY": "sk-1", "EMPTY": "", "BLANK": "a b"][$0] },
    readFile: { path in
      struct Missing: Error {}
      guard path == "/secret" else { throw Missing() }
      return Array("sk-2\n".utf8)
    })

  @Test func `a credential comes from the environment or from a file without its line end`() throws
  {
    let one = try Credentials.resolve(configuration(.environment("KEY")), in: surroundings)
    #expect(one["a"]?.text == "sk-1")
    let two = try Credentials.resolve(configuration(.file("/secret")), in: surroundings)
    #expect(two["a"]?.text == "sk-2")
  }

  @Test(arguments: [
    CredentialSource.environment("NONE"), .environment("EMPTY"), .environment("BLANK"),
    .file("/none"),
  ])
  func `a missing or unusable credential is an error that names the account`(
    source: CredentialSource
  ) {
    let error = #expect(throws: ConfigurationError.self) {
      try Credentials.resolve(configuration(source), in: surroundings)
    }
    #expect(error?.reason.hasPrefix("account \"a\": ") == true)
  }

  @Test func `a secret does not show itself in any kind of print`() {
    let secret = Secret("sk-1")
    #expect(!"\(secret) \(String(reflecting: secret))".contains("sk-1"))
    #expect(Mirror(reflecting: secret).children.isEmpty)
  }
}

@Suite struct NameTests {
  @Test(arguments: [
    ("crdit", "credit"), ("UESR", "user"), ("keys", "key"), ("blance", "balance"),
  ])
  func `the nearest known word is found`(typed: String, meant: String) {
    #expect(NearestName.find(typed, among: ["user", "key", "credit", "balance"]) == meant)
  }

  @Test func `nothing is suggested for a word that is far from all`() {
    #expect(NearestName.find("frobnicate", among: ["user", "key"]) == nil)
  }

  @Test func `a public identifier reads back as the same number and kind`() {
    for id in [1, 31, 32, 1_000_000, UInt32.max] {
      let text = PublicIdentifier(KeyID(id)).description
      #expect(text.hasPrefix("key_") && text.utf8.count == 14)
      #expect(PublicIdentifier(text) == PublicIdentifier(KeyID(id)))
    }
  }

  @Test(arguments: [
    "", "key_", "key_00000000", "key_zzzzzzzzzz", "abc_0000000001", "key_00000000u1",
  ])
  func `text that is no identifier is not read as one`(text: String) {
    #expect(PublicIdentifier(text) == nil)
  }

  @Test(arguments: ["", " a", "-a", "a\u{7}", "usr_0000000001", String(repeating: "x", count: 129)])
  func `a name nobody should have is refused`(name: String) {
    #expect(NameRule.problem(name) != nil)
  }

  @Test(arguments: [
    ("127.0.0.1:0", "127.0.0.1", 0), ("[::1]:80", "::1", 80),
    ("localhost:65535", "localhost", 65535),
  ])
  func `an address to listen on has a host and a port`(text: String, host: String, port: UInt16) {
    #expect(HostPort(text) == HostPort(host: host, port: port))
    #expect(HostPort(text)?.description == text)
  }

  @Test(arguments: ["", "host", "host:", "host:65536", "::1:80", "[x]:80", "h:+1", "a b:1"])
  func `anything else is no address to listen on`(text: String) {
    #expect(HostPort(text) == nil)
  }
}
