// The heads that `verify` holds against the tree: those of checkpoints.log, and one that was kept
// elsewhere.
internal import Base

struct SignedHeads: Sendable {
  /// Of a log with more heads than this, every so many are taken, and the last.
  private static let greatestCount = 10_000

  /// By size: the root that was signed.
  private var signed: [UInt64: TreeHash] = [:]
  private(set) var sizes: [UInt64] = []
  private var found: [Damage] = []
  /// Heads held against the tree so far.
  private(set) var count = 0

  /// Reads checkpoints.log and checks its signatures.
  init(
    in directory: LedgerDirectory, _ identity: LogIdentity, _ request: VerificationRequest
  ) throws(LedgerError) {
    guard request.hashesTree else { return }
    var taken: [CheckpointLog.Line] = []
    var (step, number) = (1, 0)
    var last: CheckpointLog.Line?
    var greatest: UInt64 = 0
    let damage = try CheckpointLog.eachLine(directory) { line in
      greatest = line.size
      // A server signs on while its log is verified up to what was durable at the beginning.
      if let limit = request.limit, line.size > limit.value { return }
      last = line
      number += 1
      guard number % step == 0 else { return }
      taken.append(line)
      if taken.count > Self.greatestCount {
        step *= 2
        taken = taken.indices.filter { $0 % 2 == 1 }.map { taken[$0] }
      }
    }
    if let last, taken.last != last { taken.append(last) }
    if let damage, try CheckpointLog.lastWhole(in: directory)?.size ?? 0 <= greatest {
      note(0, "a line of checkpoints.log is damaged", offset: damage)
    }
    let verifier = try? TreeBuilder.verifier(in: directory)
    for line in taken {
      signed[line.size] = line.root
      guard let verifier else { continue }
      guard let head = try? TreeHead(note: line.note, by: verifier), head.size == line.size,
        head.root == line.root
      else {
        note(line.size, "the signature of the head of \(line.size) events is wrong")
        continue
      }
    }
    if let published = request.published {
      if let own = signed[published.size], own != published.root {
        note(published.size, "another head of \(published.size) events was published")
      }
      signed[published.size] = published.root
    }
    sizes = signed.keys.sorted()
  }

  private mutating func note(_ size: UInt64, _ what: String, offset: Int = 0) {
    found.append(
      Damage(
        segment: "checkpoints.log", offset: offset, sequence: SequenceNumber(size), what: what))
  }

  /// Compares a head with the tree of its size.
  mutating func judge(_ size: UInt64, _ root: TreeHash?) {
    guard let root, let own = signed[size] else { return }
    count += 1
    if own != root {
      note(size, "the first \(size) events are not those that were signed: the root is another")
    }
  }

  /// What was found wrong; heads of more events than there are included.
  func damages(last: SequenceNumber) -> [Damage] {
    guard let greatest = sizes.last, greatest > last.value else { return found }
    return found + [
      Damage(
        segment: "checkpoints.log", offset: 0, sequence: last.next,
        what: "a head of \(greatest) events was signed, but the log ends with \(last)")
    ]
  }
}
