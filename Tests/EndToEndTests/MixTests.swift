// Everything at once: all features and faults in a random mix, and books that agree in the end with
// what the upstreams say they billed.

import Base
import Foundation
import TestSupport
import Testing

@Suite struct MixTests {
  /// DAYBOOK_MIX_SECONDS chooses how long, DAYBOOK_MIX_SEED repeats a run's dice.
  @Test(.timeLimit(.minutes(60)))
  func `a random mix of all features and faults leaves nothing held and every charge right`()
    async throws
  {
    let variables = ProcessInfo.processInfo.environment
    let seconds = variables["DAYBOOK_MIX_SECONDS"].flatMap(Int.init) ?? 60
    let seed =
      variables["DAYBOOK_MIX_SEED"].flatMap(UInt64.init) ?? UInt64.random(in: 1...1_000_000)
    let bed = try await MixBed(seed: seed)
    let deadline = SystemMonotonicClock().now.advanced(seconds: seconds)
    let (seen, statuses) = try await load(bed, seed: seed, until: deadline)
    let comment = Comment(rawValue: "seed \(seed), statuses \(statuses)")
    #expect(seen.unexpected.isEmpty, "\(comment): \(seen.unexpected.first ?? "")")
    #expect(seen.complete.count > seconds * 5, "the load must be worth the name: \(comment)")

    let isAtRest = try await MixAudit.comesToRest(bed)
    #expect(isAtRest == nil, "\(comment): \(isAtRest ?? "")")
    let report = try JSONParser().parse(try await bed.command("rebuild", "--json"))
    #expect(report["equal"]?.bool == true, "\(comment): \(report.text)")
    let audit = try await MixAudit(bed)
    #expect(
      audit.problems(seen: seen).isEmpty, "\(comment): \(audit.problems(seen: seen).prefix(5))")
    #expect(audit.kinds.isSuperset(of: MixAudit.expectedKinds), "\(comment)")
    try await checkBalances(audit, bed, comment)
    #expect(try await bed.server.terminate() == .exited(0), "\(comment): \(bed.server.errors)")
  }

  private func load(
    _ bed: MixBed, seed: UInt64, until deadline: MonotonicTime
  ) async throws -> (Seen, [Int: Int]) {
    let (port, keys) = (bed.port, bed.keys)
    return try await withThrowingTaskGroup(of: (Seen, [Int: Int]).self) { group in
      for caller in 0..<40 {
        group.addTask {
          try await onThread {
            var caller = MixCaller(
              port: port, keys: keys, random: SplitMix(seed &* 1_000_003 &+ UInt64(caller)))
            try caller.run(until: deadline)
            return (caller.seen, caller.statuses)
          }
        }
      }
      var all = Seen()
      var statuses: [Int: Int] = [:]
      for try await (seen, counts) in group {
        all.add(seen)
        statuses.merge(counts, uniquingKeysWith: +)
      }
      return (all, statuses)
    }
  }

  private func checkBalances(_ audit: MixAudit, _ bed: MixBed, _ comment: Comment) async throws {
    for (user, expected) in audit.balances {
      let answer = try JSONParser().parse(try await bed.command("balance", user, "--json"))
      let balance = try nanoUSD(try #require(answer["balance_usd"]?.string))
      #expect(balance == expected, "\(user): \(comment)")
    }
  }
}
