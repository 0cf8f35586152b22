// `daybook sandbox`: the scripted upstream as a process of its own.
import Foundation
import Gateway
import HTTP
import Sandbox

enum SandboxCommand {
  static let command = Command(
    CommandSpec(
      name: "sandbox",
      options: [
        .value("listen", "HOST:PORT", "where to listen (default 127.0.0.1:8081)"),
        .value("first-token-ms", "N", "milliseconds before an answer begins"),
        .value("interval-ms", "N", "milliseconds between the events of a stream"),
        .value("events", "N", "pieces of text in an answer"),
        .value("chunk-bytes", "N", "write the body in pieces of so many bytes"),
        .value("fail", "STATUS:SHARE,...", "answer a share of the requests with a status"),
        .value("cut", "before|inside:SHARE", "close the connection before or in an answer"),
        .value("stall", "SHARE", "begin an answer and never end it"),
        .value("record", "FILE", "append one JSON line per answer"),
        .value("seed", "S", "decides numbers, texts and who fails"),
      ],
      summary: "run a scripted upstream that answers like Anthropic's and Google's APIs",
      notes: """
        Any model and key are accepted. A model named sandbox-STATUS always gets that status.
        See docs/sandbox.md for the routes and the other names that make a model fail.
        """, printsData: false)
  ) { invocation in
    let (options, listen) = try read(invocation)
    let threads = max(1, ProcessInfo.processInfo.activeProcessorCount)
    try Sandbox.run(
      options, listen: listen, threads: threads,
      announce: { try? Console.say("listening on \($0)") },
      report: { Console.complain("daybook sandbox: \($0)") })
  }

  private static func read(
    _ invocation: Invocation
  ) throws(UsageError) -> (SandboxOptions, HTTP.ListenAddress) {
    var options = SandboxOptions()
    let values = invocation.parsed.values
    let range = 0...Int.max
    if let n = try invocation.integer("first-token-ms", in: range) {
      options.firstTokenMilliseconds = n
    }
    if let n = try invocation.integer("interval-ms", in: range) {
      options.intervalMilliseconds = n
    }
    options.events = try invocation.integer("events", in: range)
    options.chunkBytes = try invocation.integer("chunk-bytes", in: range)
    options.recordPath = values["record"].map(Invocation.absolute)
    if let text = values["seed"] {
      guard let seed = UInt64(text) else {
        throw UsageError("--seed must be a whole number from 0, not \"\(text)\"")
      }
      options.seed = seed
    }
    do {
      if let text = values["fail"] { try options.setFailures(text) }
      if let text = values["cut"] { try options.setCuts(text) }
      if let text = values["stall"] { options.stall = try Share(text: text) }
      try options.check()
    } catch {
      throw UsageError("\(error)")
    }
    let text = values["listen"] ?? "127.0.0.1:8081"
    guard let address = HostPort(text) else {
      throw UsageError("--listen must be HOST:PORT, not \"\(text)\"")
    }
    return (options, address.listenAddress)
  }
}
