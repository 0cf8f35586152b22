// Many seeded lives, side by side.
import Base
import Synchronization

public enum Simulation {
  /// Lives through seeds, one after another, on several threads.
  /// - Parameters:
  ///   - next: gives the seed to go on with; nil = enough. Called on all threads.
  ///   - progress: told after each run, on all threads.
  /// - Throws: the first `BrokenPromise`.
  public static func run(
    threads: Int, next: @escaping @Sendable () -> UInt64?,
    progress: @escaping @Sendable (SimulationCounts) -> Void = { _ in }
  ) throws -> SimulationCounts {
    let state = SharedState()
    let work: @Sendable () -> Void = {
      while !state.hasFailed, let seed = next() {
        var run = SimulatedRun(seed: seed)
        do { try run.live() } catch { state.fail(error) }
        progress(state.add(run.counts))
      }
    }
    var others: [SystemThread] = []
    for _ in 1..<max(1, threads) {
      if let thread = try? SystemThread.start(name: "simulation", work) { others.append(thread) }
    }
    work()
    for thread in others { thread.join() }
    if let failure = state.failure { throw failure }
    return state.counts
  }

  private final class SharedState: Sendable {
    private let state = Mutex<(counts: SimulationCounts, failure: (any Error)?)>(
      (SimulationCounts(), nil))
    var hasFailed: Bool { state.withLock { $0.failure != nil } }
    var failure: (any Error)? { state.withLock { $0.failure } }
    var counts: SimulationCounts { state.withLock { $0.counts } }
    func fail(_ error: any Error) { state.withLock { $0.failure = $0.failure ?? error } }
    func add(_ counts: SimulationCounts) -> SimulationCounts {
      state.withLock {
        $0.counts.add(counts)
        return $0.counts
      }
    }
  }
}
