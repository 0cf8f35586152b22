// Every error the gateway can answer with, byte for byte, as a file: fixtures/errors/NAME.http.
//
//   status line, header lines, empty line, body
//
// Lines of the head end in CR LF on the wire and in LF here; a chunked body is shown without its
// chunks; pings that were sent while waiting are shown once. What differs each time stands as
// (date) and (request-id).
//
// To write them anew on purpose: DAYBOOK_WRITE_ERRORS=1 swift test --filter ErrorTests
import Base
import Foundation
import TestSupport
import Testing

enum GoldenErrors {
  static let root = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().path
  static let folder = root + "/fixtures/errors"
  private static var isWriting: Bool {
    ProcessInfo.processInfo.environment["DAYBOOK_WRITE_ERRORS"] != nil
  }

  static func content(_ name: String) throws -> String {
    try String(contentsOfFile: "\(folder)/\(name).http", encoding: .utf8)
  }
  static func names() throws -> Set<String> {
    let files = try FileManager.default.contentsOfDirectory(atPath: folder)
    return Set(files.map { $0.hasSuffix(".http") ? String($0.dropLast(5)) : $0 })
  }

  /// Compares an answer with its file.
  static func check(_ name: String, _ answer: [UInt8]) throws {
    let text = try shown(answer)
    if isWriting {
      try text.write(toFile: "\(folder)/\(name).http", atomically: true, encoding: .utf8)
    }
    #expect(try text == content(name))
  }

  struct Malformed: Error, CustomStringConvertible { let description: String }

  /// An answer as its file shows it.
  static func shown(_ bytes: [UInt8]) throws -> String {
    let answer = Received(bytes)
    let lines = answer.head.components(separatedBy: "\r\n")
    guard !lines.contains(where: { $0.contains("\n") || $0.contains("\r") }) else {
      throw Malformed(description: "a line of the head ends in a bare LF or CR: \(answer.head)")
    }
    guard answer.isWhole || answer.body.isEmpty else {
      throw Malformed(description: "the answer is cut: \(String(decoding: bytes, as: UTF8.self))")
    }
    return try lines.map(steady).joined(separator: "\n") + "\n\n" + withOnePing(answer.text)
  }

  /// A header line without what differs each time.
  private static func steady(_ line: String) throws -> String {
    if line.hasPrefix("date: ") { return "date: (date)" }
    guard line.hasPrefix("request-id: ") else { return line }
    let id = line.dropFirst("request-id: ".count)
    guard id.utf8.count == 26, id.allSatisfy({ $0.isUppercase || $0.isNumber }) else {
      throw Malformed(description: "the request-id is no ULID: \(line)")
    }
    return "request-id: (request-id)"
  }

  private static func withOnePing(_ text: String) -> String {
    let ping = "event: ping\ndata: {\"type\": \"ping\"}\n\n"
    var text = text
    while text.contains(ping + ping) {
      text = text.replacingOccurrences(of: ping + ping, with: ping)
    }
    return text
  }
}
