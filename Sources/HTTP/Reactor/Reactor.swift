// A reactor: one thread that owns an epoll, the connections accepted on it, a libcurl multi handle
// and timers, and on which all handler code of these connections runs (Executor.swift). Everything
// but `post`, `start`, `stop`, `wake`, `isCurrent` and `counters` is touched on that thread alone.
//
// One turn: wait for events, let the sources note them, fire timers, run the tasks that became
// ready, let libcurl run its timers, send what the tasks have written.

public import Base
import CLinux
import Glibc
import Synchronization

@safe public final class Reactor: SerialExecutor, TaskExecutor, @unchecked Sendable {
  /// Which one of the process, from 0.
  public let index: Int
  /// What its deadlines are measured by.
  public let clock: any MonotonicClock
  /// Counts of what passed through; readable from every thread.
  public let counters = HTTPCounters()

  enum Mail: Sendable {
    case job(UnownedJob)
    case call(@Sendable () -> Void)
  }
  let mailbox = Mailbox<Mail>()
  private var taken: [Mail] = []
  private let bell: Int32
  private let bellSource = BellSource()
  private let threadID = Atomic<UInt>(0)
  private var thread: SystemThread?
  private var isStopping = false

  let poller = Poller()
  var timers = TimerHeap()
  var jobs: [UnownedJob] = []
  var runningJobs: [UnownedJob] = []
  private var dirty: [Connection] = [], flushing: [Connection] = []
  private(set) var connections: [Connection] = []
  var dates = DateHeader()
  /// Where received bytes land before a connection takes them.
  var scratch = [UInt8](repeating: 0, count: 64 * 1024)
  private var signalSources: [SignalSource] = []
  var listeners: [Listener] = []

  /// The reactor's clock as of this turn.
  public private(set) var now: MonotonicTime
  /// The kernel's clock as of this turn: libcurl's timers go by it.
  private(set) var kernelNow: MonotonicTime
  private(set) var upstreamDriver: CurlMulti! = nil
  private(set) var loop: ReactorLoop! = nil

  public init(index: Int = 0, clock: any MonotonicClock = SystemMonotonicClock()) {
    self.index = index
    self.clock = clock
    now = clock.now
    kernelNow = SystemMonotonicClock().now
    bell = sh_eventfd()
    precondition(bell >= 0, "eventfd failed, errno \(errno): raise the open files limit")
    loop = ReactorLoop(self)
    upstreamDriver = CurlMulti(self)
    precondition(poller.add(bell, .readable, bellSource))
    bellSource.descriptor = bell
    clock.whenMoved { [weak self] in self?.wake() }
  }

  // MARK: any thread

  /// True on this reactor's own thread.
  public var isCurrent: Bool { UInt(pthread_self()) == threadID.load(ordering: .relaxed) }

  /// Starts the thread. Call it once.
  public func start() throws(SystemThread.StartError) {
    precondition(thread == nil, "a reactor is started once")
    thread = try SystemThread.start(name: "reactor-\(index)") { [self] in run() }
  }
  /// Ends the thread: open connections are dropped, their tasks see that the caller is gone. Blocks
  /// until it has ended; not to be called on a reactor.
  public func stop() {
    post { [self] in isStopping = true }
    thread?.join()
    thread = nil
  }
  /// Runs `call` on the reactor's thread, soon. Dropped once the reactor has stopped.
  public func post(_ call: @escaping @Sendable () -> Void) { send(.call(call)) }

  func send(_ mail: Mail) { if mailbox.put(mail) { sh_eventfd_ring(bell) } }
  func wake() { post {} }

  // MARK: the reactor's thread

  /// Calls `handler` on the reactor for each of `signals`, which must be blocked (Signals.block).
  /// Call it on the reactor's thread or before `start`.
  public func watch(signals: [Int32], _ handler: @escaping (Int32) -> Void) {
    let descriptor = Signals.descriptor(signals)
    precondition(descriptor >= 0, "signalfd failed, errno \(errno)")
    let source = SignalSource(descriptor, handler)
    signalSources.append(source)
    precondition(poller.add(descriptor, .readable, source))
  }
  /// Waits until the reactor's clock reaches `deadline`.
  public func sleep(until deadline: MonotonicTime) async {
    _ = await Parking(self).park(until: deadline)
  }

  func markDirty(_ connection: Connection) {
    if connection.isDirty { return }
    connection.isDirty = true
    dirty.append(connection)
  }
  func adopt(_ connection: Connection) {
    connection.place = connections.count
    connections.append(connection)
    counters.openConnections.wrappingAdd(1, ordering: .relaxed)
  }
  func release(_ connection: Connection) {
    let last = connections.removeLast()
    if last !== connection {
      connections[connection.place] = last
      last.place = connection.place
    }
    counters.openConnections.wrappingSubtract(1, ordering: .relaxed)
  }

  private func run() {
    threadID.store(UInt(pthread_self()), ordering: .relaxed)
    while !isStopping {
      let count = poller.wait(milliseconds: patience())
      // Before the events: what they start measures its deadlines from now, not from before the
      // sleep.
      readClocks()
      poller.dispatch(count)
      turn()
    }
    end()
  }
  private func turn() {
    if bellSource.hasRung { readMail() }
    while let timer = timers.popDue(now) { timer.run() }
    runJobs()
    while upstreamDriver.runTimerIfDue() { runJobs() }
    swap(&dirty, &flushing)
    for connection in flushing {
      connection.isDirty = false
      connection.flush()
    }
    flushing.removeAll(keepingCapacity: true)
  }
  /// How long epoll may sleep: until the next timer, and not at all while there is work.
  private func patience() -> Int32 {
    if !jobs.isEmpty || !dirty.isEmpty { return 0 }
    let own = timers.earliest.nanoseconds(since: now)
    let curl = upstreamDriver.deadline.nanoseconds(since: kernelNow)
    let nanoseconds = max(0, min(own, curl, 3_600_000_000_000))
    return Int32((nanoseconds + 999_999) / 1_000_000)
  }
  private func readClocks() {
    kernelNow = SystemMonotonicClock().now
    now = clock is SystemMonotonicClock ? kernelNow : clock.now
  }
  private func readMail() {
    bellSource.hasRung = false
    sh_eventfd_clear(bell)
    mailbox.take(into: &taken)
    for mail in taken {
      switch mail {
      case .job(let job): jobs.append(job)
      case .call(let call): call()
      }
    }
    taken.removeAll(keepingCapacity: true)
  }
  /// Drops everything that is open and lets the tasks run to their end.
  private func end() {
    for listener in listeners { listener.stop() }
    for connection in connections { connection.drop() }
    upstreamDriver.cancelAll()
    for _ in 0..<1000 where !jobs.isEmpty { runJobs() }
    mailbox.close()
    upstreamDriver.close()
    for source in signalSources { source.close(poller) }
    poller.remove(bell)
    Glibc.close(bell)
    threadID.store(0, ordering: .relaxed)
  }
}

/// The eventfd other threads ring.
private final class BellSource: PollSource {
  var descriptor: Int32 = -1
  var hasRung = false
  override func handle(_ events: PollEvents) { hasRung = true }
}

private final class SignalSource: PollSource {
  let descriptor: Int32
  let handler: (Int32) -> Void
  init(_ descriptor: Int32, _ handler: @escaping (Int32) -> Void) {
    self.descriptor = descriptor
    self.handler = handler
  }
  override func handle(_ events: PollEvents) {
    while let number = Signals.next(from: descriptor) { handler(number) }
  }
  func close(_ poller: Poller) {
    poller.remove(descriptor)
    Glibc.close(descriptor)
  }
}
