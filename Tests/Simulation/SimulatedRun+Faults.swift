// What goes wrong: the plan of a life's calls, and damage to a disk at rest.
import Base
import Glibc
import Ledger
import Projections
import TestSupport

extension SimulatedRun {
  /// A crash at some call, and before it perhaps other faults: interrupted calls, short writes, a
  /// full disk for a few calls, a failed sync.
  mutating func planFaults(within calls: Int) {
    let start = disk.calls
    let crash = start + Int.random(in: 1...calls, using: &random)
    var faults: [Int: SimulatedFault] = [:]
    for _ in 0..<Int.random(in: 0...3, using: &random) {
      let number = start + Int.random(in: 1...calls, using: &random)
      switch Int.random(in: 0..<9, using: &random) {
      case 0, 1, 2: faults[number] = .error(EINTR)
      case 3, 4, 5: faults[number] = .short(Int.random(in: 1...5000, using: &random))
      case 6: faults[number] = .syncLost
      case 7: faults[number] = .error(EIO)
      default:
        for later in number..<number + Int.random(in: 1...2, using: &random) {
          faults[later] = .error(ENOSPC)
        }
      }
    }
    noteErrors(faults.count)
    let planned = faults
    disk.plan { call in
      if call.number == crash { return .crash }
      guard let fault = planned[call.number] else { return nil }
      switch (fault, call.operation) {
      // Each fault where it can happen, and nowhere else.
      case (.short, .write), (.short, .read), (.error(ENOSPC), .write), (.syncLost, .sync),
        (.error(EINTR), .write), (.error(EINTR), .read), (.error(EIO), _):
        return fault
      default: return nil
      }
    }
  }

  /// Flips bits and moves writes in the files of a closed ledger, one at a time: what is read is
  /// right or an error, and `verify` finds every one of them.
  mutating func damageAtRest() throws {
    let names = try disk.list("data/segments").filter { $0.hasSuffix(".lz4") }
    for _ in 0..<2 {
      guard let name = names.randomElement(using: &random) else { return }
      let path = "data/segments/" + name
      let size = disk.content(path)?.count ?? 0
      guard size > 0 else { continue }
      let damaged = disk.crash(seed: 0)
      let place = Int.random(in: 0..<size, using: &random)
      let bit = UInt8(1) << UInt8.random(in: 0..<8, using: &random)
      damaged.tamper(path) { $0[place] ^= bit }
      noteFlip()
      try checkDetected(damaged, "a flipped bit at \(place) of \(name)")
    }
    try misdirect(names)
  }

  /// A write that reached another place: what is there is overwritten, its own place is as before.
  private mutating func misdirect(_ names: [String]) throws {
    guard let from = names.randomElement(using: &random),
      let to = names.randomElement(using: &random),
      let source = disk.content("data/segments/" + from),
      let target = disk.content("data/segments/" + to), source.count >= 4096,
      target.count >= 4096
    else { return }
    let page = Int.random(in: 0..<source.count / 4096, using: &random) * 4096
    let place = Int.random(in: 0..<target.count / 4096, using: &random) * 4096
    let bytes = Array(source[page..<page + 4096])
    guard bytes != Array(target[place..<place + 4096]) else { return }
    let damaged = disk.crash(seed: 0)
    damaged.tamper("data/segments/" + from) { content in
      for index in page..<page + 4096 { content[index] = 0 }
    }
    damaged.tamper("data/segments/" + to) { $0.replaceSubrange(place..<place + 4096, with: bytes) }
    let changed = from != to || page != place || bytes.contains { $0 != 0 }
    guard changed, damaged.content("data/segments/" + to) != target else { return }
    noteMisdirected()
    try checkDetected(damaged, "a write of \(from) at \(page) that went to \(to) at \(place)")
  }

  private func checkDetected(_ damaged: SimulatedFileSystem, _ what: String) throws {
    let found = try Verification.run(damaged, at: "data", .ofEvents)
    guard !found.damages.isEmpty else { throw fail("verify does not find \(what)") }
    guard let files = try? LedgerFiles.open(damaged, at: "data") else { return }
    var reader = LedgerReader(files, from: .first, isThorough: true)
    do {
      while var batch = try reader.next() {
        while let record = batch.next() {
          if let known = checksums[batch.sequence.value],
            CRC32C.checksum(record.bytes) != known
          {
            throw fail("\(what) is read as event \(batch.sequence)")
          }
        }
      }
    } catch let broken as BrokenPromise {
      throw broken
    } catch {
      // An error is what is wanted.
    }
  }
}
