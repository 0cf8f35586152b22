// What `daybook status` says: the health of the ledger, the read model and the projections.
import Base
import Ledger
public import Projections

public struct StatusReport {
  /// One JSON object.
  public let json: [UInt8]

  /// Of a running server. Asks the disk: not for a reactor.
  public init(live: LiveLedger) {
    let status = live.status()
    let counts = live.withBooks { books in Counts(books) }
    let opening = live.opening
    json = JSONWriter.text { writer in
      writer.object {
        $0.member("server", "running")
        $0.member("healthy", status.poisoned == nil && !status.isOutOfSpace)
        $0.member("poisoned", optional: status.poisoned)
        $0.member("out_of_space", status.isOutOfSpace)
        $0.member("last_sequence", status.last.value)
        $0.member("durable_sequence", status.durable.value)
        $0.member("last_time", time: status.last == .none ? nil : status.lastTime)
        $0.member("epoch", status.epoch)
        $0.member("segments", status.segments)
        $0.member("segment_bytes", status.segmentBytes)
        $0.member("free_disk_bytes", optional: status.freeDisk)
        $0.member("checkpoint_sequence", status.checkpoint.value)
        $0.member("checkpoint_lag", status.checkpointLag)
        $0.member("checkpoint_problem", optional: status.checkpointProblem)
        $0.member("sealing_problem", optional: status.sealingProblem)
        Self.write(status.tree, to: &$0)
        $0.member("open_requests", status.openRequests)
        $0.member("held_usd", money: status.held)
        $0.member("unknown_outcomes", status.unknownOutcomes)
        $0.member("found_open_at_start", opening.unknownOutcomes)
        counts.write(to: &$0)
      }
    }
  }

  private static func write(_ tree: TreeStatus?, to json: inout JSONWriter) {
    json.member("tree_size", tree?.size ?? 0)
    json.member("signed_size", tree?.head?.head.size ?? 0)
    json.member("tree_problem", optional: tree?.problem)
    json.member("vkey", optional: tree?.verifier?.vkey)
  }

  /// Of a ledger that no server holds.
  public init(reading: LedgerReading) {
    let counts = Counts(reading.books)
    let books = reading.books
    let files = reading.files
    json = JSONWriter.text { writer in
      writer.object {
        $0.member("server", "not running")
        $0.member("healthy", reading.problem == nil)
        $0.member("last_sequence", files.durable.value)
        $0.member("durable_sequence", files.durable.value)
        $0.member("last_time", time: books.lastSequence == .none ? nil : books.lastTime)
        $0.member("epoch", files.identity.epoch)
        $0.member("segments", files.segments.count)
        $0.member("open_requests", books.openRequests.openCount)
        $0.member("held_usd", money: books.openRequests.held)
        $0.member("unknown_outcomes", books.openRequests.unknownCount)
        counts.write(to: &$0)
      }
    }
  }

  private struct Counts {
    let users: Int
    let keys: Int
    let groups: Int
    let accounts: Int
    let subscriptions: Int
    let priceBook: String?
    let zone: String

    init(_ books: borrowing Books) {
      users = books.catalog.allUsers.count
      keys = books.catalog.allKeys.count
      groups = books.catalog.allGroups.filter(\.isActive).count
      accounts = books.accounts.all.filter(\.declared.isActive).count
      subscriptions = books.subscriptions.all.count
      let last = books.prices.all.last { $0.isPublished }
      priceBook = last?.version
      zone = books.zoneName
    }

    func write(to writer: inout JSONWriter) {
      writer.member("users", users)
      writer.member("keys", keys)
      writer.member("groups", groups)
      writer.member("accounts", accounts)
      writer.member("subscriptions", subscriptions)
      writer.member("price_book", optional: priceBook)
      writer.member("time_zone", zone)
    }
  }
}

extension JSONWriter {
  fileprivate mutating func member(_ name: String, optional value: Int?) {
    if let value { member(name, value) } else { member(null: name) }
  }
}
