// DATA/daybook.sock: administration over HTTP on a Unix socket that only the server's own user can
// open (mode 0600). Every command runs on a thread of its own, so that none blocks a reactor.
//
// Long jobs (rebuild, verify) answer as JSON lines: {"done": N, "total": N} while they run, and in
// the end {"status": S, "answer": ...}, so that the other side sees that something happens.
import Base
public import HTTP
import Ledger
import Projections
import Synchronization

public final class AdministrationHandler: RequestHandler {
  private let service: AdministrationService
  /// Commands under way.
  private let running = Atomic<Int>(0)

  /// Greatest number of commands at a time; more are told to try again.
  private static let greatestRunning = 32
  /// Greatest body of a command.
  private static let bodyLimit = 1 << 20
  private static let longJobs = ["rebuild", "verify"]

  public init(_ service: AdministrationService) { self.service = service }

  /// Listens on a Unix socket; a stale one is replaced.
  public static func serve(
    _ service: AdministrationService, at path: String, on reactors: [Reactor]
  ) throws(ListenError) -> Server {
    try Server(
      .unix(path: path), on: reactors,
      refusals: { status, reason in
        let error = AdministrationError.usage(reason)
        return (ResponseHeaders(contentType: "application/json"), AdministrationAnswer(error).body)
      }, handler: AdministrationHandler(service))
  }

  public func respond(to request: Request, on client: Client) async {
    guard request.path.hasPrefix("/admin/") else {
      return answer(AdministrationAnswer(.unknown("no path \(request.path)")), client)
    }
    guard request.method == .post else {
      return answer(AdministrationAnswer(.usage("administration takes POST only")), client)
    }
    let body: [UInt8]
    do {
      body = try await client.readBody(limit: Self.bodyLimit)
    } catch {
      if !client.hasAnswered { answer(AdministrationAnswer(.usage("body too large")), client) }
      return
    }
    let path = String(request.path.dropFirst("/admin/".count))
    guard running.load(ordering: .relaxed) < Self.greatestRunning else {
      return answer(AdministrationAnswer(.busy("too many commands at a time; try again")), client)
    }
    let job = AdministrationJob()
    running.add(1, ordering: .relaxed)
    do {
      _ = try SystemThread.start(name: "administration") { [self] in
        let done = service.answer(path, body, actor: "command line") { job.report($0, of: $1) }
        running.subtract(1, ordering: .relaxed)
        job.finish(done)
      }
    } catch {
      running.subtract(1, ordering: .relaxed)
      return answer(AdministrationAnswer(.busy("\(error)")), client)
    }
    if Self.longJobs.contains(path) {
      await stream(job, client)
    } else {
      _ = await job.finished.wait(until: .never, on: client.reactor)
      if let done = job.answer { answer(done, client) }
    }
  }

  private func answer(_ answer: AdministrationAnswer, _ client: Client) {
    var headers = ResponseHeaders(contentType: "application/json")
    headers.add("cache-control", "no-store")
    if let next = answer.nextSequence { headers.add("x-next-sequence", "\(next)") }
    client.respond(status: answer.status, headers: headers, body: answer.body)
  }

  private func stream(_ job: AdministrationJob, _ client: Client) async {
    client.startStream(
      status: 200, headers: ResponseHeaders(contentType: "application/jsonl"))
    while true {
      let suspension = job.nextWait()
      let deadline = client.reactor.now.advanced(milliseconds: 200)
      _ = await suspension.wait(until: deadline, on: client.reactor)
      let line: [UInt8]
      if let done = job.answer {
        line = JSONWriter.text {
          $0.object {
            $0.member("status", done.status)
            $0.name("answer")
            $0.raw(done.body.span)
          }
        }
      } else {
        line = JSONWriter.text {
          $0.object {
            $0.member("done", job.progress.done)
            $0.member("total", job.progress.total)
          }
        }
      }
      do { try await client.write(line + [10]) } catch { return }
      if job.answer != nil { return client.finishStream() }
    }
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
  var progress: (done: UInt64, total: UInt64) { state.withLock { $0.progress } }

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
