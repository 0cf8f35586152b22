// Signed tree heads outside of the ledger's directory: whoever rewrites or cuts the log cannot
// rewrite these. Every `publish.every_seconds`, when there is a new head: a file, put in place as a
// whole, and a webhook. A failure is a line in the log; the next head is tried again. The traffic
// never waits for any of it.
import Base
import HTTP
import Ledger
import Projections
import Synchronization

final class HeadPublisher: Sendable {
  private static let webhookMilliseconds = 10_000

  private let gateway: Gateway
  private let reactor: Reactor
  private let isStopped = Atomic<Bool>(false)
  /// The sizes published last, to the file and to the webhook.
  private let published = Mutex<(file: UInt64, webhook: UInt64)>((0, 0))

  init(_ gateway: Gateway, on reactor: Reactor) {
    self.gateway = gateway
    self.reactor = reactor
    reactor.start { [self] in await run() }
  }

  func stop() { isStopped.store(true, ordering: .relaxed) }

  private func run() async {
    var next = reactor.now
    while !isStopped.load(ordering: .relaxed) {
      await reactor.sleep(until: reactor.now.advanced(seconds: 1))
      let settings = gateway.snapshot.configuration.publish
      guard reactor.now >= next, settings.file != nil || settings.webhook != nil else { continue }
      guard let head = gateway.live.tree?.status.head else { continue }
      next = reactor.now.advanced(nanoseconds: settings.every.nanoseconds)
      let last = published.withLock { $0 }
      if let file = settings.file, last.file < head.head.size { await write(head, to: file) }
      if let url = settings.webhook, last.webhook < head.head.size { await post(head, to: url) }
    }
  }

  // MARK: - The file

  private func write(_ head: SignedHead, to path: String) async {
    let done = Suspension()
    let box = OutcomeBox()
    do {
      try SystemThread.start(name: "publish") {
        box.set(Self.replace(path, with: Array(head.note.utf8)))
        done.resume()
      }.detach()
    } catch { return tell("no thread to write \(path): \(error)") }
    _ = await done.wait(until: .never, on: reactor)
    if let error = box.error {
      tell("the head of \(head.head.size) events could not be written: \(error)")
    } else {
      published.withLock { $0.file = head.head.size }
    }
  }

  private static func replace(_ path: String, with bytes: [UInt8]) -> FileError? {
    let folder = path.split(separator: "/", omittingEmptySubsequences: false).dropLast()
      .joined(separator: "/")
    do throws(FileError) {
      try RealFileSystem().replaceFile(path, in: folder.isEmpty ? "/" : folder, with: bytes)
      return nil
    } catch { return error }
  }

  // MARK: - The webhook

  private func post(_ head: SignedHead, to url: String) async {
    var request = UpstreamRequest(
      url: url,
      headers: UpstreamHeaders([("content-type", "text/plain; charset=utf-8")]),
      body: Array(head.note.utf8))
    request.firstByteMilliseconds = Self.webhookMilliseconds
    request.gapMilliseconds = Self.webhookMilliseconds
    let transfer = reactor.start(request)
    switch await transfer.head() {
    case .head(let answer) where (200..<300).contains(answer.status):
      published.withLock { $0.webhook = head.head.size }
    case .head(let answer):
      tell("the webhook answered the head of \(head.head.size) events with \(answer.status)")
    case .failed(let failure):
      tell("the head of \(head.head.size) events could not be posted: \(failure)")
    case .deadlinePassed, .callerGone: break
    }
    transfer.cancel()
  }

  private func tell(_ detail: String) {
    gateway.log.write(.warn, .ledger, "a tree head was not published") {
      $0.field("detail", ours: detail)
    }
  }
}

/// What a thread leaves for the one that waits for it.
private final class OutcomeBox: Sendable {
  private let state = Mutex<FileError?>(nil)
  func set(_ error: FileError?) { state.withLock { $0 = error } }
  var error: FileError? { state.withLock { $0 } }
}
