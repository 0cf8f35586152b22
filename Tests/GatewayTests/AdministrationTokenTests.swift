// Who may use /admin: the token in its one place, wrong ones late and few.
import Base
import HTTP
import Ledger
import TestSupport
import Testing

@testable import Gateway

@Suite struct AdministrationTokenTests {
  private static let token = AdministrationBed.token

  @Test func `the token opens admin, and every answer is no-store with a request id`() async throws
  {
    let bed = try AdministrationBed()
    for answer in [
      try await bed.ask("GET", "/admin/status"), try await bed.ask("GET", "/admin/nothing"),
      try await bed.ask("POST", "/admin/user/add", "{}"),
      try await bed.ask("GET", "/admin/status", headers: []),
      try await bed.ask("OPTIONS", "/admin/status"), try await bed.ask("DELETE", "/admin/status"),
    ] {
      #expect(answer.header("cache-control") == "no-store", "\(answer.head)")
      #expect(answer.header("request-id")?.count == 26, "\(answer.head)")
    }
    #expect(try await bed.ask("GET", "/admin/status").status == 200)
  }

  @Test func `the scheme's case and more blanks do not matter`() async throws {
    let bed = try AdministrationBed()
    let header = "Authorization: bEARER   \(Self.token)"
    #expect(try await bed.ask("GET", "/admin/status", headers: [header]).status == 200)
  }

  @Test(arguments: [
    "x: y", "authorization: \(token)", "authorization: Basic \(token)", "authorization: Bearer",
    "authorization: Bearer ", "x-api-key: \(token)", "x-goog-api-key: \(token)",
    "authorization: Bearer \(token)x", "authorization: Bearer \(token.dropLast())",
    "authorization: Bearer \(token.uppercased())", "authorization: Bearer \(token), x",
    "authorization: Bearer\t\(token)", "proxy-authorization: Bearer \(token)",
    "cookie: token=\(token)",
    "authorization: Bearer \(token)\r\nauthorization: Bearer \(token)",
    "authorization: Bearer \(String(repeating: "f", count: 12_000))",
    "authorization: Bearer \(Hex.encode(sha256(token.utf8)))",
  ])
  func `nothing else is the token`(header: String) async throws {
    let bed = try AdministrationBed()
    let answer = try await bed.ask("GET", "/admin/status", headers: [header])
    #expect(answer.status == 401 && answer.code == "unauthorized", "\(header): \(answer.text)")
    #expect(answer.header("www-authenticate")?.hasPrefix("Bearer ") == true)
    #expect(!answer.text.contains(Self.token))
  }

  @Test func `the token in the query opens nothing`() async throws {
    let bed = try AdministrationBed()
    for name in ["token", "access_token", "key", "authorization"] {
      let path = "/admin/status?\(name)=\(Self.token)"
      #expect(try await bed.ask("GET", path, headers: []).status == 401)
    }
  }

  @Test func `a caller's key opens nothing, and the token is no caller's key`() async throws {
    let bed = try AdministrationBed()
    try await bed.command("user/add", #"{"name": "ann"}"#)
    let issued = try await bed.command("key/issue", #"{"user": "ann", "group": "default"}"#)
    let key = try #require(issued["key"]?.string)
    for header in ["authorization: Bearer \(key)", "x-api-key: \(key)"] {
      #expect(try await bed.ask("GET", "/admin/status", headers: [header]).status == 401)
    }
    #expect(try await bed.ask("GET", "/v1/usage", headers: ["x-api-key: \(key)"]).status == 200)
    #expect(try await bed.ask("GET", "/v1/usage").status == 401)
  }

  @Test func `without a configured token there is no admin and no metrics`() async throws {
    let bed = try AdministrationBed { $0.adminTokenHash = nil }
    let unknown = try await bed.ask("GET", "/nothing")
    for path in ["/admin/status", "/admin/openapi.json", "/admin/", "/admin", "/metrics"] {
      let answer = try await bed.ask("GET", path)
      #expect(answer.status == 404 && answer.text == unknown.text, "\(path)")
    }
    let posted = try await bed.ask("POST", "/admin/user/add", #"{"name": "ann"}"#)
    #expect(posted.status == 404 && posted.text == unknown.text)
  }

  @Test(arguments: [
    "/admin", "/admin/", "/admin//status", "/admin/status/", "/admin/Status", "/ADMIN/status",
    "/admin/./status", "/admin/../admin/status", "/admin/%73tatus", "/admin/status%00",
    "/admin/user", "/admin/user/add/x", "/v1/../admin/status", "/admin/user%2Fadd",
  ])
  func `paths match letter for letter`(path: String) async throws {
    let bed = try AdministrationBed()
    #expect(try await bed.ask("GET", path).status == 404)
  }

  @Test func `unknown paths and wrong methods are told before the token is looked at`() async throws
  {
    let bed = try AdministrationBed()
    let unknown = try await bed.ask("GET", "/admin/user/lst", headers: [])
    #expect(unknown.status == 404 && unknown.message.contains("user/list"))
    let wrong = try await bed.ask("POST", "/admin/user/list", headers: [])
    #expect(wrong.status == 405 && wrong.header("allow") == "GET, HEAD, OPTIONS")
    let read = try await bed.ask("GET", "/admin/user/add", headers: [])
    #expect(read.status == 405 && read.header("allow") == "POST, OPTIONS")
    let options = try await bed.ask("OPTIONS", "/admin/user/add", headers: [])
    #expect(options.status == 204 && options.header("allow") == "POST, OPTIONS")
  }

  @Test func `a wrong token is answered late`() async throws {
    let clock = ManualMonotonicClock()
    let bed = try AdministrationBed(reactorClock: clock)
    let port = bed.port
    let early = try await onThread {
      let socket = try RawSocket.connect(port: port)
      try socket.send(
        "GET /admin/status HTTP/1.1\r\nhost: x\r\nauthorization: Bearer x\r\n\r\n")
      // The answer to a later question on another connection shows that the first one waits.
      let other = try RawSocket.connect(port: port)
      try other.send("GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
      let healthy = Received(try other.receiveAll())
      let isWaiting = !socket.isReadable
      clock.advance(milliseconds: TokenGuard.delayMilliseconds)
      let refused = try socket.receive(until: "\r\n\r\n")
      return (healthy.status, isWaiting, refused)
    }
    #expect(early.0 == 200 && early.1)
    #expect(early.2.hasPrefix("HTTP/1.1 401 "))
  }

  @Test func `an address with too many wrong tokens waits, others do not`() async throws {
    let bed = try AdministrationBed {
      $0.gateway.trustedProxies = [AddressRange("127.0.0.1")].compactMap { $0 }
    }
    let bad = ["authorization: Bearer wrong", "x-forwarded-for: 192.0.2.1"]
    let statuses = try await withThrowingTaskGroup(of: Int.self) { group in
      for _ in 0..<(AttemptTable.greatestFailures + 5) {
        group.addTask { try await bed.ask("GET", "/admin/status", headers: bad).status }
      }
      return try await group.reduce(into: []) { $0.append($1) }
    }
    #expect(statuses.filter { $0 == 401 }.count == AttemptTable.greatestFailures)
    #expect(statuses.filter { $0 == 429 }.count == 5)
    let same = [AdministrationBed.right, "x-forwarded-for: 192.0.2.1"]
    let waiting = try await bed.ask("GET", "/admin/status", headers: same)
    #expect(waiting.status == 429 && waiting.code == "too_many_attempts")
    let seconds = try #require(waiting.header("retry-after").flatMap { Int($0) })
    #expect((1...60).contains(seconds))
    let other = [AdministrationBed.right, "x-forwarded-for: 192.0.2.2"]
    #expect(try await bed.ask("GET", "/admin/status", headers: other).status == 200)
  }

  @Test func `metrics beside admin need the token`() async throws {
    let bed = try AdministrationBed()
    let page = try await bed.ask("GET", "/metrics")
    #expect(page.status == 200 && page.text.contains("daybook_ledger_last_sequence"))
    #expect(page.header("content-type")?.hasPrefix("text/plain") == true)
    #expect(page.header("cache-control") == "no-store" && page.header("request-id") != nil)
    #expect(try await bed.ask("GET", "/metrics", headers: []).status == 401)
    let head = try await bed.ask("HEAD", "/metrics")
    #expect(head.status == 200 && head.body.isEmpty)
  }
}

@Suite struct AttemptTableTests {
  private func address(_ text: String) throws -> InternetAddress {
    try #require(InternetAddress(text))
  }
  private let start = MonotonicTime(nanoseconds: 5_000_000_000)

  @Test func `failures are forgotten when their time is up`() throws {
    var table = AttemptTable()
    let one = try address("192.0.2.1")
    for _ in 0..<AttemptTable.greatestFailures {
      #expect(table.secondsToWait(one, now: start) == nil)
      table.noteFailure(one, now: start)
    }
    #expect(table.secondsToWait(one, now: start) == AttemptTable.windowSeconds)
    let end = start.advanced(seconds: AttemptTable.windowSeconds)
    #expect(table.secondsToWait(one, now: end.advanced(nanoseconds: -1)) == 1)
    #expect(table.secondsToWait(one, now: end) == nil)
  }

  @Test func `addresses of one IPv6 network count together`() throws {
    var table = AttemptTable()
    for host in 0..<AttemptTable.greatestFailures {
      table.noteFailure(try address("2001:db8:0:1::\(host)"), now: start)
    }
    #expect(table.secondsToWait(try address("2001:db8:0:1:ffff::1"), now: start) != nil)
    #expect(table.secondsToWait(try address("2001:db8:0:2::1"), now: start) == nil)
  }

  @Test func `the table stays small whoever asks`() throws {
    var table = AttemptTable()
    for number in 0..<(AttemptTable.limit + 100) {
      let bytes = [10, UInt8(number >> 16), UInt8(number >> 8 & 255), UInt8(number & 255)]
      let address = try #require(InternetAddress(bytes: bytes))
      table.noteFailure(address, now: start.advanced(nanoseconds: Int64(number)))
    }
    #expect(table.count == AttemptTable.limit)
  }
}
