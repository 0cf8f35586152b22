// The reactor as executor of Swift tasks. It is both a SerialExecutor, through the actor
// `ReactorLoop`, and a TaskExecutor, the preference of every task started here: with the first
// alone each resumption would take a detour over the global pool.
//
// On a reactor start tasks only with `Reactor.start` / `run`; `Task {}`, `Task.detached` and
// `@concurrent` functions leave the thread.

/// The actor whose executor is a reactor's thread: code isolated to it runs there.
actor ReactorLoop {
  nonisolated let reactor: Reactor
  init(_ reactor: Reactor) { self.reactor = reactor }
  nonisolated var unownedExecutor: UnownedSerialExecutor {
    unsafe reactor.asUnownedSerialExecutor()
  }
}

/// Carries a value that is not Sendable into a task on the thread that owns it already.
struct OnReactor<Value>: @unchecked Sendable {
  let value: Value
  init(_ value: Value) { self.value = value }
}

extension Reactor {
  public func enqueue(_ job: consuming ExecutorJob) {
    let unowned = UnownedJob(job)
    if isCurrent { jobs.append(unowned) } else { send(.job(unowned)) }
  }
  public func asUnownedSerialExecutor() -> UnownedSerialExecutor {
    unsafe UnownedSerialExecutor(ordinary: self)
  }
  public func checkIsolated() { precondition(isCurrent, "not on the reactor's thread") }
  public func isIsolatingCurrentContext() -> Bool? { isCurrent }

  /// Starts a task on this reactor at once: `operation` runs up to its first wait before this
  /// returns. Call it on the reactor's thread.
  func startTask(_ operation: OnReactor<() async -> Void>) {
    _ = loop.assumeIsolated { (loop: isolated ReactorLoop) in
      Task.immediate(executorPreference: loop.reactor) {
        _ = loop
        await operation.value()
      }
    }
  }
  /// Starts a task on this reactor from any thread.
  public func start(_ operation: @escaping @Sendable () async -> Void) {
    post { [self] in startTask(OnReactor(operation)) }
  }
  /// Runs `operation` on this reactor and gives back its result, from a task that runs elsewhere.
  public func run<Result: Sendable>(
    _ operation: @escaping @Sendable () async -> Result
  ) async -> Result {
    await withCheckedContinuation { continuation in
      start { continuation.resume(returning: await operation()) }
    }
  }

  /// Runs the tasks that are ready, and those that become ready by it, for a bounded number of
  /// rounds: the sockets get their turn even beside a task that never waits.
  func runJobs() {
    let serial = unsafe asUnownedSerialExecutor()
    let task = unsafe asUnownedTaskExecutor()
    var rounds = 0
    while !jobs.isEmpty && rounds < 16 {
      rounds += 1
      swap(&jobs, &runningJobs)
      for job in runningJobs {
        unsafe job.runSynchronously(isolatedTo: serial, taskExecutor: task)
      }
      runningJobs.removeAll(keepingCapacity: true)
    }
  }
}
