// One error: its file, what it is in the code, and how a caller meets it for real.
import Base
import Ledger
import Projections
import TestSupport
import Testing

@testable import Gateway

struct ErrorCase: Sendable, CustomTestStringConvertible {
  /// The file's name.
  let name: String
  /// The static member of `Answer` that makes it, and what it makes; nil where the HTTP layer or
  /// an upstream made it.
  let origin: (member: String, answer: Answer)?
  let provoke: @Sendable () async throws -> [UInt8]

  init(
    _ name: String, _ member: String, _ answer: Answer,
    _ provoke: @escaping @Sendable () async throws -> [UInt8]
  ) {
    self.name = name
    origin = (member, answer)
    self.provoke = provoke
  }
  init(_ name: String, _ provoke: @escaping @Sendable () async throws -> [UInt8]) {
    self.name = name
    origin = nil
    self.provoke = provoke
  }

  var testDescription: String { name }

  static let all =
    authentication + routing + requests + eligibility + waiting + failover + streams + counting
    + transport

  /// Wednesday, 4 March 2026, 10:00 UTC: fourteen hours before the day ends.
  static let noon = Timestamp(microseconds: 1_772_618_400_000_000)
}

extension GatewayBed {
  /// A bed whose wall clock stands still, so that times to wait are the same each time.
  static func still(
    balance: Int64 = 10, concurrency: Int32 = 50,
    clock: any MonotonicClock = SystemMonotonicClock(), disk: SimulatedFileSystem? = nil,
    upstream: BareUpstream? = nil, configure: (inout Configuration) -> Void = { _ in }
  ) throws -> GatewayBed {
    let bed = try GatewayBed(
      balance: balance, concurrency: concurrency, wallClock: ManualWallClock(ErrorCase.noon),
      clock: clock, disk: disk
    ) {
      if let upstream { $0.accounts[0].baseURL = upstream.url }
      configure(&$0)
    }
    if let upstream { bed.keep(upstream) }
    return bed
  }
}

/// One answer to one ordinary request of a bed that is set up as `prepare` says.
func answer(
  balance: Int64 = 10, to request: String = GatewayBed.request(body: GatewayBed.body()),
  configure: @escaping @Sendable (inout Configuration) -> Void = { _ in },
  prepare: @escaping @Sendable (GatewayBed) throws -> Void = { _ in }
) -> @Sendable () async throws -> [UInt8] {
  {
    let bed = try GatewayBed.still(balance: balance, configure: configure)
    try prepare(bed)
    return try await bed.exchange(request)
  }
}
