// The promises of the ledger under simulated faults: fixed seeds, and a fresh one each time.
import Simulation
import Testing

@Suite struct SimulationTests {
  @Test func `acknowledged events survive the seeded lives that are always tried`() throws {
    for seed in UInt64(1)...24 {
      var run = SimulatedRun(seed: seed)
      try run.live()
      #expect(run.counts.crashes >= 2, "seed \(seed)")
    }
  }

  @Test func `they survive fresh seeds`() throws {
    let seed = UInt64.random(in: 1...UInt64.max / 2)
    for offset in UInt64(0)..<6 {
      var run = SimulatedRun(seed: seed + offset)
      // What is thrown names the seed: `make simulate SEED=N` runs it alone.
      try run.live()
    }
  }
}
