// Disks that are full or refuse to write: what was admitted still settles or waits, what was
// acknowledged stays, the process says why, and all goes on once there is room.

import Base
import Foundation
import Glibc
import Synchronization
import TestSupport
import Testing

@Suite(.serialized) struct FaultDiskTests {
  @Test(.enabled(if: SmallVolume.isAllowed, "mounting needs privileges"))
  func `on a full disk nobody is admitted, open requests settle, and room brings it back`()
    async throws
  {
    let volume = try await SmallVolume(megabytes: 32)
    let gate = DispatchSemaphore(value: 0)
    let upstream = try FaultyUpstream([
      "slow": { socket in
        try socket.send(Array(FaultyUpstream.streamHead.utf8) + FaultyUpstream.start())
        _ = gate.wait(timeout: .now() + 60)
        try socket.send(FaultyUpstream.delta() + FaultyUpstream.stop())
      }
    ])
    let bed = try await FaultBed(upstream, dataFolder: volume.path + "/bed")
    let server = try await bed.serve()
    async let open = server.ask("slow", stream: true)
    try await upstream.awaitRequests("slow", 1)

    // What is left is the log's reserve; requests eat it down to what open ones need.
    try volume.fill()
    var settled = 0
    var refused: Received?
    while refused == nil && settled < 3000 {
      let answer = try await server.ask("good")
      if answer.status == 200 { settled += 1 } else { refused = answer }
    }
    let answer = try #require(refused, "\(settled) requests fit on a full disk")
    #expect(answer.status == 503)
    #expect(
      answer.problem
        == "billing_service_error: Billing service temporarily unavailable. Please retry later.")
    #expect(try await server.get("/readyz").problemOfReadiness == "the disk is nearly full")
    #expect(try await server.get("/v1/usage").status == 200)
    try await server.process.complained("free some space")
    gate.signal()
    let streamed = try await open
    #expect(streamed.isWhole && streamed.text.contains("event: message_stop"), "\(streamed.text)")

    try volume.empty()
    try await eventually("there is room again") { try await server.get("/readyz").status == 200 }
    try await server.process.complained("requests are admitted again")
    #expect(try await server.ask("good").status == 200)
    #expect(try await bed.events("forward_settled").count == settled + 2)
    #expect(try await server.process.terminate() == .exited(0))
    try await bed.expectSoundBooks()
  }

  @Test(.enabled(if: SmallVolume.isAllowed, "mounting needs privileges"))
  func `a read-only directory is not served and says so, and can be read`() async throws {
    let volume = try await SmallVolume(megabytes: 32)
    let bed = try await FaultBed(try FaultyUpstream([:]), dataFolder: volume.path + "/bed")
    let server = try await bed.serve()
    #expect(try await server.ask("good").status == 200)
    #expect(try await server.process.terminate() == .exited(0))
    let before = try await bed.events().count
    try FaultTool.run("mount", "-o", "remount,ro", volume.path)
    let refused = try await bed.run("serve", "--config", bed.configurationPath)
    #expect(refused.end == .exited(1))
    #expect(refused.errors.contains("Read-only file system"), "\(refused.errors)")
    #expect(try await bed.events().count == before)
    #expect(try await bed.run("verify").end == .exited(0))
    #expect(try await bed.run("user", "add", "ann").end == .exited(1))
    try FaultTool.run("mount", "-o", "remount,rw", volume.path)
    let again = try await bed.serve()
    #expect(try await again.ask("good").status == 200)
    #expect(try await again.process.terminate() == .exited(0))
    try await bed.expectSoundBooks()
  }

  @Test func `a write that the system refuses is tried again, and nothing is lost or doubled`()
    async throws
  {
    let upstream = try FaultyUpstream([:])
    let bed = try await FaultBed(upstream)
    let server = try await bed.serve()
    for _ in 0..<3 { #expect(try await server.ask("good").status == 200) }
    // A file size limit in the middle of the next block: a short write, then EFBIG.
    let limit = try Self.endOfLog(bed) + 100
    try limitFileSize(of: server.process, to: limit)
    async let waiting = server.ask("good")
    try await server.process.complained("free some space")
    let answer = try await server.ask("good")
    #expect(answer.status == 503 && answer.problem.hasPrefix("billing_service_error: "))
    #expect(upstream.requests("good") == 3, "nothing goes upstream that is not durably admitted")
    #expect(try await bed.json("status")["out_of_space"] == .bool(true))
    try limitFileSize(of: server.process, to: nil)
    #expect(try await waiting.status == 200)
    try await server.process.complained("requests are admitted again")
    #expect(try await server.ask("good").status == 200)
    #expect(try await bed.events("forward_settled").count == 5)
    #expect(try await server.process.terminate() == .exited(0))
    try await bed.expectSoundBooks()
  }

  /// Behind the last byte of the open segment that is not zero.
  private static func endOfLog(_ bed: FaultBed) throws -> Int {
    let path = bed.data + "/segments/00000000000000000001.lz4"
    let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
    let last = try #require(bytes.lastIndex { $0 != 0 })
    return (last / 4096 + 1) * 4096
  }
}

extension Received {
  fileprivate var problemOfReadiness: String? { json?["reason"]?.string }
}

/// Sets the soft RLIMIT_FSIZE of a running process; nil = unlimited. prlimit(1) is of util-linux.
private func limitFileSize(of process: ServerProcess, to bytes: Int?) throws {
  try FaultTool.run(
    "prlimit", "--pid", "\(try #require(process.pid))",
    "--fsize=\(bytes.map { "\($0)" } ?? "unlimited"):")
}

/// A volume in memory that is soon full.
private final class SmallVolume: Sendable {
  let path: String
  private var filler: String { path + "/filler" }

  /// Whether this machine lets us mount; tried once.
  static let isAllowed: Bool = {
    guard geteuid() == 0, let volume = try? SmallVolume(mounting: 1) else { return false }
    return FileManager.default.fileExists(atPath: volume.path)
  }()

  convenience init(megabytes: Int) async throws {
    try self.init(mounting: megabytes)
  }
  private init(mounting megabytes: Int) throws {
    path = NSTemporaryDirectory() + "daybook-volume-\(UUID().uuidString)"
    mkdir(path, 0o700)
    if (try? mountExt4(megabytes)) != nil { return }
    // Without loop devices a volume in memory is full as well.
    guard mount("tmpfs", path, "tmpfs", 0, "size=\(megabytes)m") == 0 else {
      rmdir(path)
      throw SocketFailure(call: "mount", code: errno)
    }
  }
  deinit {
    umount2(path, Int32(MNT_DETACH))
    rmdir(path)
    unlink(image)
  }

  private var image: String { path + ".ext4" }

  /// An ext4 file system of that size in a file, through a loop device.
  private func mountExt4(_ megabytes: Int) throws {
    guard megabytes >= 8 else { throw SocketFailure(call: "mkfs", code: EINVAL) }
    do {
      try FaultTool.run("truncate", "-s", "\(megabytes)M", image)
      try FaultTool.run("mkfs.ext4", "-q", "-F", image)
      try FaultTool.run("mount", "-o", "loop", image, path)
    } catch {
      unlink(image)
      throw error
    }
  }

  /// Takes all the room there is.
  func fill() throws {
    let file = open(filler, O_WRONLY | O_CREAT | O_APPEND, 0o600)
    defer { close(file) }
    for size in [1 << 20, 4096] {
      let zeros = [UInt8](repeating: 0, count: size)
      while write(file, zeros, size) > 0 {}
    }
    try #require(errno == ENOSPC)
  }
  func empty() throws { try FileManager.default.removeItem(atPath: filler) }
}
