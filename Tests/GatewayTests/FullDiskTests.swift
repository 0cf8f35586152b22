// A disk without room while requests are on their way: what was granted is closed once there is.
import Base
import Glibc
import Ledger
import Projections
import TestSupport
import Testing

@testable import Gateway

@Suite struct FullDiskTests {
  /// Lets no write through, and fills the batch that waits for it: first what anything may use,
  /// then, by ending requests that are open, what is kept for such ends.
  /// - Returns: the requests that are still open.
  private func fill(
    _ bed: GatewayBed, _ disk: SimulatedFileSystem, ending open: [OpenRequest]
  ) async throws -> [OpenRequest] {
    disk.plan { $0.operation == .write ? .error(ENOSPC) : nil }
    let live = bed.live
    func appendUntilFull() {
      live.withBooks { books in
        var credit = CreditAdded()
        credit.party.user = UserID(1)
        credit.amount = NanoUSD(1)
        while (try? books.append(credit, now: SystemWallClock().now())) != nil {}
      }
    }
    // The first batch is taken to be written, the second stays.
    appendUntilFull()
    #expect(try await bed.eventually { live.status().isOutOfSpace })
    appendUntilFull()
    return Array(open.drop { isEnded($0, in: bed, detail: 60_000) })
  }

  /// Ends a request with an event of so many bytes and more; false when there is no room for it.
  private func isEnded(_ request: OpenRequest, in bed: GatewayBed, detail: Int) -> Bool {
    var event = ForwardFailed()
    event.party = request.party
    event.hold = request.hold
    event.serviceTime = request.serviceTime
    event.group = request.group
    event.target = request.target
    event.failure = .noAccount
    event.detail = String(repeating: "x", count: detail)
    return bed.live.withBooks { books in
      (try? books.append(event, now: SystemWallClock().now())) != nil
    }
  }

  @Test func `a prompt too long while the ledger takes nothing leaves no hold behind`()
    async throws
  {
    let disk = SimulatedFileSystem()
    let upstream = try ScriptedUpstream()
    let bed = try GatewayBed(disk: disk) {
      $0.groups[0].fallbackGroup = "large"
      $0.groups.append(GroupSettings(name: "large", platform: .anthropic, target: .balance))
      $0.accounts[0].baseURL = upstream.url
    }
    let open = try (0..<50).map { _ in try bed.seedAdmission() }
    let caller = try await bed.open(body: GatewayBed.body())
    let arrived = try await upstream.next()
    let rest = try await fill(bed, disk, ending: open)
    #expect(!rest.isEmpty)
    try await arrived.answer(400, Anthropic.promptTooLong)
    let scheduler = bed.scheduler
    #expect(try await bed.eventually { scheduler.withLock { $0.runningRequests } == 0 })
    disk.plan(nil)
    let answer = try await caller.rest()
    #expect(answer.status == 503 && answer.text.contains("billing_service_error"))
    for request in rest { #expect(isEnded(request, in: bed, detail: 0)) }
    #expect(try await bed.eventually { bed.isAtRest })
    #expect(try bed.events(ForwardFailed.self).count { $0.failure == .refused } == 1)
    #expect(try bed.events(FallbackGroupUsed.self).isEmpty)
  }
}
