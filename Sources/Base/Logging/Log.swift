// The log. Whoever writes a line pays one load when its level is off, and putting the line together
// when it is on; the rest is the business of the log's own thread (LogQueue).
internal import Synchronization

/// Structured lines, with a level per area. Safe to use from every thread; never blocks.
public final class Log: Sendable {
  private let switches = LogSwitches()
  private let areas: [LogArea]
  private let clock: any WallClock
  /// nil = the log that nobody reads.
  private let queue: LogQueue?

  /// Bytes of lines that may wait for the sink.
  public static let capacity = 1 << 20

  /// A log that writes nothing, ever.
  public static let silent = Log()

  private init() {
    areas = []
    clock = SystemWallClock()
    queue = nil
  }

  /// - Parameters:
  ///   - areas: all there are, with different indexes.
  ///   - own: the area in which the log speaks of itself.
  ///   - capacity: bytes that may wait for the sink.
  public init(
    areas: [LogArea], own: LogArea, settings: LogSettings, sink: some LogSink,
    clock: some WallClock = SystemWallClock(), capacity: Int = Log.capacity
  ) throws(SystemThread.StartError) {
    self.areas = areas
    self.clock = clock
    let switches = switches
    let queue = LogQueue(capacity: capacity, sink: sink) { count in
      let word = switches.load()
      guard word.shows(.warn, own) else { return nil }
      var line = LogLine(
        word.format, time: clock.now(), .warn, own, "lines were lost, their reader is slow")
      line.field("lines", count)
      return line.finished()
    }
    self.queue = queue
    adopt(settings)
    try queue.start()
  }

  deinit { queue?.close() }

  /// Puts levels and format in force.
  public func adopt(_ settings: LogSettings) {
    if queue != nil { switches.store(LogSwitches.Word(settings, areas)) }
  }

  /// Whether a line would be written: for work that only the log needs.
  public func isOn(_ level: LogLevel, _ area: LogArea) -> Bool {
    switches.load().shows(level, area)
  }

  /// Writes a line.
  /// - Parameters:
  ///   - level: not `.off`.
  ///   - message: known when this is compiled; what varies goes into fields.
  public func write(
    _ level: LogLevel, _ area: LogArea, _ message: StaticString,
    _ fields: (inout LogLine) -> Void = { _ in }
  ) {
    let word = switches.load()
    guard word.shows(level, area), let queue else { return }
    var line = LogLine(word.format, time: clock.now(), level, area, message)
    fields(&line)
    queue.put(line.finished())
  }

  /// Lines that found no room, or that the sink did not take, since the start.
  public var droppedLines: Int { queue?.dropped ?? 0 }
  /// Lines written since the start.
  public var writtenLines: Int { queue?.written ?? 0 }

  /// Blocks until everything is written, or until `deadline` of the kernel's clock. Not to be
  /// called on a reactor.
  /// - Returns: whether everything is written.
  @discardableResult
  public func flush(until deadline: MonotonicTime) -> Bool { queue?.flush(until: deadline) ?? true }
}

/// Levels of all areas and the format in one word: 4 bits an area from the lowest, the format in
/// the highest bit.
private final class LogSwitches: Sendable {
  struct Word {
    let bits: UInt64
    init(bits: UInt64) { self.bits = bits }

    init(_ settings: LogSettings, _ areas: [LogArea]) {
      var bits: UInt64 = settings.format == .json ? 1 << 63 : 0
      for area in areas { bits |= settings.level(of: area).rank << (UInt64(area.index) * 4) }
      self.bits = bits
    }

    var format: LogFormat { bits >> 63 == 1 ? .json : .text }
    func shows(_ level: LogLevel, _ area: LogArea) -> Bool {
      level.rank <= bits >> (UInt64(area.index) * 4) & 15
    }
  }
  private let word = Atomic<UInt64>(0)

  func load() -> Word { Word(bits: word.load(ordering: .relaxed)) }
  func store(_ word: Word) { self.word.store(word.bits, ordering: .relaxed) }
}
