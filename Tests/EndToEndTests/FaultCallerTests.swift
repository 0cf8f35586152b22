// Callers that are slow, leave, or are many: memory stays bounded, what they used is charged once,
// and no threads come and go with them.

import Base
import Foundation
import Glibc
import Synchronization
import TestSupport
import Testing

/// A gate that a test opens for an upstream.
private final class Gate: Sendable {
  private let semaphore = DispatchSemaphore(value: 0)
  func open() { semaphore.signal() }
  func wait() { _ = semaphore.wait(timeout: .now() + 60) }
}

@Suite(.serialized) struct FaultCallerTests {
  @Test func `a caller that does not read stops its upstream, and gets all of it later`()
    async throws
  {
    // 64 MB; what the sockets' buffers between take is far less.
    let piece = FaultyUpstream.delta(String(repeating: "x", count: 65_536 - 200))
    let pieces = 1024
    let stalled = Gate(), sentBeforeStall = Atomic(0)
    let upstream = try FaultyUpstream([
      "flood": { socket in
        try socket.send(Array(FaultyUpstream.streamHead.utf8) + FaultyUpstream.start())
        // A second without room for one byte: the way is full.
        var wait = timeval(tv_sec: 1, tv_usec: 0)
        setsockopt(
          socket.descriptor, SOL_SOCKET, SO_SNDTIMEO, &wait,
          socklen_t(MemoryLayout<timeval>.size))
        var total = 0, tells = true
        for _ in 0..<pieces {
          var sent = 0
          while sent < piece.count {
            let count = piece.withUnsafeBytes {
              send(
                socket.descriptor, $0.baseAddress! + sent, piece.count - sent, Int32(MSG_NOSIGNAL))
            }
            if count < 0 && errno == EAGAIN {
              if tells {
                sentBeforeStall.store(total + sent, ordering: .relaxed)
                stalled.open()
              }
              tells = false
            } else if count <= 0 {
              throw SocketFailure(call: "send", code: errno)
            } else {
              sent += count
            }
          }
          total += piece.count
        }
        try socket.send(FaultyUpstream.stop())
      }
    ])
    let bed = try await FaultBed(upstream)
    let server = try await bed.serve()
    #expect(try await server.ask("good").status == 200)
    let before = try residentBytes(of: server.process)
    let request = server.request("flood", stream: true)
    let port = server.port
    let caller = try await onThread {
      let socket = try RawSocket.connect(port: port, receiveBuffer: 65_536, timeoutSeconds: 60)
      try socket.send(request)
      stalled.wait()
      return socket
    }
    let sent = sentBeforeStall.load(ordering: .relaxed)
    #expect(sent > 0 && sent < 32 << 20, "\(sent) bytes were taken for a caller that reads none")
    let growth = try residentBytes(of: server.process) - before
    #expect(growth < 16 << 20, "\(growth) bytes for one slow caller")
    let answer = try await onThread { Received(try caller.receiveAll()) }
    #expect(answer.isWhole && answer.body.count > pieces * (piece.count - 16))
    #expect(answer.text.hasSuffix("data: {\"type\":\"message_stop\"}\n\n"))
    #expect(try await bed.events("forward_settled").count == 2)
    #expect(try await server.process.terminate() == .exited(0))
    try await bed.expectSoundBooks()
  }

  @Test(arguments: [true, false])
  func `a caller that leaves is charged once for what the drain brings`(reset: Bool) async throws {
    let left = Gate()
    let upstream = try FaultyUpstream([
      "slow": { socket in
        try socket.send(
          Array(FaultyUpstream.streamHead.utf8) + FaultyUpstream.start() + FaultyUpstream.delta())
        left.wait()
        try socket.send(
          FaultyUpstream.delta() + FaultyUpstream.stop(usage: #"{"output_tokens":77}"#))
      }
    ])
    let bed = try await FaultBed(upstream)
    let server = try await bed.serve()
    let request = server.request("slow", stream: true)
    let port = server.port
    try await onThread {
      let socket = try RawSocket.connect(port: port)
      try socket.send(request)
      _ = try socket.receive(until: "word ")
      if reset { socket.reset() }
    }
    let metrics = try server.metricsPort()
    try await eventually("the gateway sees that the caller has left") {
      try await server.get("/metrics", port: metrics).text.contains("drains_total 1\n")
    }
    #expect(try await bed.events("forward_settled").isEmpty, "the drain goes on")
    left.open()
    try await eventually("the drained answer is settled") {
      try await server.get("/v1/usage").json?["usage"]?["total"]?["requests"]?.integer == 1
    }
    let settled = try await bed.events("forward_settled")
    #expect(settled.map { $0["output_tokens"]?.integer } == [77])
    #expect(settled.map { $0["partial"] } == [.bool(false)])
    #expect(try await server.process.terminate() == .exited(0))
    try await bed.expectSoundBooks()
  }

  @Test func `load brings no threads: reactors, the ledger's writer, the keeper and main`()
    async throws
  {
    let bed = try await FaultBed(try FaultyUpstream([:]))
    let server = try await bed.serve()
    let calm = try threads(of: server.process)
    let statuses = try await withThrowingTaskGroup(of: Int.self) { group in
      for _ in 0..<60 { group.addTask { try await server.ask("good").status } }
      return try await group.reduce(into: []) { $0.append($1) }
    }
    #expect(statuses == Array(repeating: 200, count: 60))
    let busy = try threads(of: server.process)
    #expect(busy.count == calm.count, "\(busy)")
    let known = ["daybook", "ledger writer", "keeper", "tree keeper", "snapshots", "log"]
    #expect(busy.allSatisfy { $0.hasPrefix("reactor") || known.contains($0) }, "\(busy)")
    #expect(Set(busy).isSuperset(of: known))
    #expect(try await bed.events("forward_settled").count == 60)
    #expect(try await server.process.terminate() == .exited(0))
    try await bed.expectSoundBooks()
  }
}

/// Asks again and again, each time a server, until the answer is yes; 30 s at most.
func eventually(_ what: String, _ body: () async throws -> Bool) async throws {
  let end = ContinuousClock.now.advanced(by: .seconds(30))
  while try await !body() {
    try #require(ContinuousClock.now < end, "waited in vain until \(what)")
  }
}

private func threads(of process: ServerProcess) throws -> [String] {
  let folder = "/proc/\(try #require(process.pid))/task"
  return try FileManager.default.contentsOfDirectory(atPath: folder).compactMap { task in
    try? String(contentsOfFile: "\(folder)/\(task)/comm", encoding: .utf8)
      .trimmingCharacters(in: .newlines)
  }.sorted()
}
private func residentBytes(of process: ServerProcess) throws -> Int {
  let path = "/proc/\(try #require(process.pid))/statm"
  let pages = try String(contentsOfFile: path, encoding: .utf8).split(separator: " ")
  return try #require(Int(pages[1])) * Int(sysconf(Int32(_SC_PAGESIZE)))
}
