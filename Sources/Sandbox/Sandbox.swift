// A scripted upstream: it answers like Anthropic's, Gemini's and Antigravity's APIs, with usage
// numbers that fit the request, at the pace and with the failures it is told to. For trying Daybook
// without a provider, for tests and benchmarks. Any model and any key are accepted.
//
//   SandboxHandler   routes, reads the body, decides the fate         Delivery  sends the answer
//   Prompt           what is asked and what it costs                  Answer    what is said
//   StreamPlan       which events, where they break                   Recorder  what was answered
//   Wire             the APIs; what one of them alone does is in files named +Anthropic, +Gemini,
//                    +Google

public import Base
import Glibc
public import HTTP

/// A running scripted upstream.
public final class Sandbox: Sendable {
  private let server: Server

  /// Where it listens, with the real port.
  public var address: ListenAddress { server.address }
  /// The base URL for an account: `http://HOST:PORT`.
  public var url: String { "http://\(server.address)" }

  /// Starts it on reactors that run or will run; port 0 is any free one.
  /// - Parameter report: is told, on a reactor, what went wrong with the record file.
  /// - Throws: SandboxOptionError, ListenError.
  public init(
    _ options: SandboxOptions, listen: ListenAddress = .tcp(host: "127.0.0.1", port: 0),
    on reactors: [Reactor], fileSystem: some FileSystem = RealFileSystem(),
    report: @escaping @Sendable (String) -> Void
  ) throws {
    let handler = try SandboxHandler(options, fileSystem: fileSystem, report: report)
    server = try Server(
      listen, on: reactors, limits: ServerLimits(),
      refusals: { status, reason in handler.refusal(status, reason) }, handler: handler)
  }
  /// Accepts no more; answers under way get `milliseconds` to finish, then they are cut. Blocks;
  /// not to be called on a reactor.
  public func stop(withinMilliseconds milliseconds: Int = 1_000) {
    server.stopAccepting()
    let deadline = SystemMonotonicClock().now.advanced(milliseconds: milliseconds)
    if !server.waitUntilClosed(until: deadline) { server.closeConnections() }
  }

  /// The whole program: runs on `threads` reactors of its own until SIGINT or SIGTERM. Call it
  /// before any thread was started.
  /// - Parameter announce: is told the URL when it accepts requests.
  public static func run(
    _ options: SandboxOptions, listen: ListenAddress, threads: Int,
    announce: (String) -> Void, report: @escaping @Sendable (String) -> Void
  ) throws {
    Signals.block([SIGINT, SIGTERM])
    raiseDescriptorLimit()
    let reactors = (0..<max(1, threads)).map { Reactor(index: $0) }
    let stopped = Doorbell()
    reactors[0].watch(signals: [SIGINT, SIGTERM]) { _ in stopped.ring() }
    let sandbox = try Sandbox(options, listen: listen, on: reactors, report: report)
    for reactor in reactors { try reactor.start() }
    announce(sandbox.url)
    stopped.wait()
    sandbox.stop()
    for reactor in reactors { reactor.stop() }
  }
}
