// `make simulate SECONDS=600 [SEED=N]`: seeded lives of a ledger on a simulated disk, for as long
// as told, or one seed alone. Tells what was done; a broken promise with its seed, and exit code 1.
import Base
import Foundation
import Simulation
import Synchronization

/// The value of an argument `--name VALUE`.
func argument(_ name: String) -> UInt64? {
  guard let place = CommandLine.arguments.firstIndex(of: "--\(name)"),
    place + 1 < CommandLine.arguments.count
  else { return nil }
  return UInt64(CommandLine.arguments[place + 1])
}

/// Writes a line to standard output.
func tell(_ line: String) { FileHandle.standardOutput.write(Data((line + "\n").utf8)) }

let seconds = argument("seconds") ?? 60
let only = argument("seed")
let first = argument("from") ?? UInt64.random(in: 1...UInt64.max / 2)
let clock = SystemMonotonicClock()
let start = clock.now
let end = start.advanced(seconds: Int(clamping: seconds))
let counter = Atomic<UInt64>(first)
let limit = argument("runs").map { first &+ $0 } ?? UInt64.max

do {
  let counts: SimulationCounts
  if let only {
    let once = Atomic(false)
    counts = try Simulation.run(threads: 1) {
      once.exchange(true, ordering: .relaxed) ? nil : only
    }
  } else {
    counts = try Simulation.run(threads: ProcessFacts.cores) {
      guard clock.now < end else { return nil }
      let seed = counter.add(1, ordering: .relaxed).oldValue
      return seed < limit ? seed : nil
    }
  }
  let minutes = max(0.001, Double(clock.now.nanoseconds(since: start)) / 60e9)
  tell(
    """
    seeds                 \(only ?? first) and on, \(counts.runs) runs
    crashes               \(counts.crashes), \(Int(Double(counts.crashes) / minutes)) a minute
    kills before these    \(counts.kills)
    openings              \(counts.openings)
    other faults planned  \(counts.errors)
    events acknowledged   \(counts.acknowledged), all found again
    segments sealed       \(counts.sealed), joined \(counts.joined)
    tree heads shown      \(counts.heads), none lost or contradicted
    bits flipped          \(counts.flips), all found
    writes misdirected    \(counts.misdirected), all found
    """)
} catch {
  tell("BROKEN PROMISE: \(error)")
  if let broken = error as? BrokenPromise {
    tell("again, alone: make simulate SEED=\(broken.seed)")
  }
  exit(1)
}
