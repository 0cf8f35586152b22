// Lines on their way to the sink: a bounded buffer and the one thread that empties it. Nobody who
// logs ever waits for the sink: what finds the buffer full is dropped and counted, and the loss is
// told in a line of its own as soon as there is room.
//
// Lines are written in pieces of at most 4,096 bytes (PIPE_BUF: one write of that size is not mixed
// with others on a pipe), whole lines each; a longer line is a piece by itself.
internal import Synchronization

final class LogQueue: Sendable {
  private struct State {
    /// Whole lines.
    var waiting: [UInt8] = []
    var lines = 0
    /// Lines dropped since the last time it was told.
    var untold = 0
    var isWoken = false
    var isWriting = false
    var isClosed = false
    var flushes: [Doorbell] = []
  }
  private let state = Mutex(State())
  private let capacity: Int
  private let sink: any LogSink
  private let lossLine: @Sendable (Int) -> [UInt8]?
  private let bell = Doorbell()
  /// Rung by whoever cannot wait until a burst is gathered.
  private let hurry = Doorbell()
  private let droppedLines = Atomic<Int>(0)
  private let writtenLines = Atomic<Int>(0)

  private static let pieceBytes = 4096
  /// How long the writer lets lines gather after the first: a burst costs one wake-up.
  private static let gatherMilliseconds = 1

  /// - Parameters:
  ///   - capacity: bytes that may wait.
  ///   - lossLine: the line that tells of so many lost ones; nil when it is not wanted.
  init(
    capacity: Int, sink: any LogSink, lossLine: @escaping @Sendable (Int) -> [UInt8]?
  ) {
    self.capacity = capacity
    self.sink = sink
    self.lossLine = lossLine
  }

  var dropped: Int { droppedLines.load(ordering: .relaxed) }
  var written: Int { writtenLines.load(ordering: .relaxed) }

  /// Starts the writer.
  func start() throws(SystemThread.StartError) {
    try SystemThread.start(name: "log") { [self] in run() }.detach()
  }

  /// Takes a line, or drops it. Never waits.
  func put(_ line: [UInt8]) {
    let wakes = state.withLock { state in
      guard !state.isClosed, state.waiting.count + line.count <= capacity else {
        state.untold += 1
        droppedLines.wrappingAdd(1, ordering: .relaxed)
        return false
      }
      state.waiting.append(contentsOf: line)
      state.lines += 1
      defer { state.isWoken = true }
      return !state.isWoken
    }
    if wakes { bell.ring() }
  }

  /// Blocks until everything put in before is written, or until `deadline` of the kernel's clock.
  /// - Returns: whether it is.
  @discardableResult
  func flush(until deadline: MonotonicTime) -> Bool {
    let done = Doorbell()
    let isIdle = state.withLock { state in
      if state.waiting.isEmpty && !state.isWriting { return true }
      state.flushes.append(done)
      return false
    }
    if isIdle { return true }
    hurry.ring()
    bell.ring()
    return done.wait(until: deadline)
  }

  /// What comes from now on is dropped; the writer ends when it has written the rest.
  func close() {
    state.withLock { $0.isClosed = true }
    hurry.ring()
    bell.ring()
  }

  // MARK: The writer's thread

  private func run() {
    let clock = SystemMonotonicClock()
    var lines: [UInt8] = []
    while true {
      bell.wait()
      hurry.wait(until: clock.now.advanced(milliseconds: Self.gatherMilliseconds))
      while let (count, untold) = take(into: &lines) {
        write(lines, count)
        if untold > 0, let line = lossLine(untold) { _ = sink.write(line[...]) }
      }
      if state.withLock({ $0.isClosed && $0.waiting.isEmpty }) { return }
    }
  }

  /// Everything that waits; nil when nothing does, and then whoever flushes is told.
  private func take(into lines: inout [UInt8]) -> (lines: Int, untold: Int)? {
    lines.removeAll(keepingCapacity: lines.capacity <= capacity)
    let (taken, idle) = state.withLock { state -> ((Int, Int)?, [Doorbell]) in
      state.isWoken = false
      // After the end nobody is told of what comes too late.
      if state.waiting.isEmpty && (state.untold == 0 || state.isClosed) {
        state.isWriting = false
        defer { state.flushes = [] }
        return (nil, state.flushes)
      }
      swap(&state.waiting, &lines)
      defer { (state.lines, state.untold) = (0, 0) }
      state.isWriting = true
      return ((state.lines, state.untold), [])
    }
    for bell in idle { bell.ring() }
    return taken
  }

  private func write(_ lines: [UInt8], _ count: Int) {
    var lost = 0
    var rest = lines[...]
    while !rest.isEmpty {
      let piece = Self.piece(rest)
      if !sink.write(piece) { lost += piece.count { $0 == 0x0A } }
      rest = rest[piece.endIndex...]
    }
    droppedLines.wrappingAdd(lost, ordering: .relaxed)
    writtenLines.wrappingAdd(count - lost, ordering: .relaxed)
  }

  /// The whole lines that fit in one piece; at least one.
  private static func piece(_ rest: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
    let head = rest.prefix(pieceBytes)
    if head.count == rest.count { return rest }
    if let end = head.lastIndex(of: 0x0A) { return rest[...end] }
    return rest[...(rest.firstIndex(of: 0x0A) ?? rest.endIndex - 1)]
  }
}
