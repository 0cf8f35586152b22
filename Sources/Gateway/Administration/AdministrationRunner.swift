// Runs commands of administration for connections: each on a thread of its own, so that none blocks
// a reactor, and only so many at a time. Used by the local socket and by /admin.
//
// Long jobs (rebuild, verify) answer as JSON lines: {"done": N, "total": N} while they run, and in
// the end {"status": S, "answer": ...}, so that the other side sees that something happens.
import Base
import HTTP
import Synchronization

final class AdministrationRunner: Sendable {
  typealias Command =
    @Sendable (_ report: @escaping AdministrationService.Report) -> AdministrationAnswer

  /// Commands under way.
  private let running = Atomic<Int>(0)
  /// Greatest number of commands at a time; more are told to try again.
  static let greatestRunning = 32
  /// Greatest body of a command, in bytes; price files are larger than other arguments.
  static func bodyLimit(of path: String) -> Int {
    ["prices/import", "prices/diff", "reprice", "reprice/apply"].contains(path) ? 64 << 20 : 1 << 20
  }
  /// Commands that answer as JSON lines.
  static let longJobs = [
    "rebuild", "verify", "audit", "compact", "backup", "as-of", "reprice", "reprice/apply",
    "statement",
  ]

  /// Carries a command out and waits for its answer. It goes on when the caller leaves.
  func run(_ command: @escaping Command, for client: Client) async -> AdministrationAnswer {
    do throws(AdministrationError) {
      let job = try start(command)
      _ = await job.finished.wait(until: .never, on: client.reactor)
      return job.answer ?? AdministrationAnswer(.failed("the command ended without an answer"))
    } catch {
      return AdministrationAnswer(error)
    }
  }

  /// Carries a long job out and tells of its progress. One that is refused at once answers as any
  /// other command.
  /// - Parameters:
  ///   - headers: of the stream.
  ///   - refuse: gives an answer that is no stream.
  /// - Returns: whether it became a stream.
  @discardableResult
  func stream(
    _ command: @escaping Command, for client: Client, headers: ResponseHeaders,
    refuse: (AdministrationAnswer) -> Void
  ) async -> Bool {
    let job: AdministrationJob
    do throws(AdministrationError) { job = try start(command) } catch {
      refuse(AdministrationAnswer(error))
      return false
    }
    var hasBegun = false
    while true {
      let deadline = client.reactor.now.advanced(milliseconds: 200)
      _ = await job.nextWait().wait(until: deadline, on: client.reactor)
      let done = job.answer
      if !hasBegun {
        if let done, done.status != 200 {
          refuse(done)
          return false
        }
        hasBegun = true
        client.startStream(status: 200, headers: headers)
      }
      do { try await client.write(done.map(Self.line) ?? job.progressLine) } catch { return true }
      if done != nil {
        client.finishStream()
        return true
      }
    }
  }

  private func start(_ command: @escaping Command) throws(AdministrationError) -> AdministrationJob
  {
    guard running.add(1, ordering: .relaxed).newValue <= Self.greatestRunning else {
      running.subtract(1, ordering: .relaxed)
      throw .busy("too many commands at a time; try again")
    }
    let job = AdministrationJob()
    do {
      try SystemThread.start(name: "administration") { [self] in
        let done = command { job.report($0, of: $1) }
        running.subtract(1, ordering: .relaxed)
        job.finish(done)
      }.detach()
    } catch {
      running.subtract(1, ordering: .relaxed)
      throw .busy("\(error)")
    }
    return job
  }

  /// The last line of a long job.
  private static func line(_ done: AdministrationAnswer) -> [UInt8] {
    JSONWriter.text {
      $0.object {
        $0.member("status", done.status)
        $0.name("answer")
        $0.raw(done.body.span)
      }
    } + [10]
  }
}

/// A command that runs on its own thread, as its connection sees it.
private final class AdministrationJob: Sendable {
  private struct State {
    var answer: AdministrationAnswer?
    var progress: (done: UInt64, total: UInt64) = (0, 0)
    var waiting: Suspension?
  }
  private let state = Mutex(State())
  /// Resumed when the command has ended.
  let finished = Suspension()

  var answer: AdministrationAnswer? { state.withLock { $0.answer } }

  var progressLine: [UInt8] {
    let progress = state.withLock { $0.progress }
    return JSONWriter.text {
      $0.object {
        $0.member("done", progress.done)
        $0.member("total", progress.total)
      }
    } + [10]
  }

  func report(_ done: UInt64, of total: UInt64) {
    state.withLock { $0.progress = (done, total) }
  }

  /// A wait that ends when the command does.
  func nextWait() -> Suspension {
    let suspension = Suspension()
    let isOver = state.withLock { state in
      state.waiting = suspension
      return state.answer != nil
    }
    if isOver { suspension.resume() }
    return suspension
  }

  func finish(_ answer: AdministrationAnswer) {
    let waiting = state.withLock { state in
      state.answer = answer
      return state.waiting
    }
    waiting?.resume()
    finished.resume()
  }
}
