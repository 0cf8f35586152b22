// Every error for real, against a running gateway, compared with its file.
import Base
import Foundation
import TestSupport
import Testing

@testable import Gateway

@Suite struct ErrorTests {
  @Test(arguments: ErrorCase.all)
  func `an error is answered as its file says, byte for byte`(_ error: ErrorCase) async throws {
    try GoldenErrors.check(error.name, try await error.provoke())
  }

  @Test func `every file is some error's, and no two errors share one`() throws {
    let names = ErrorCase.all.map(\.name)
    #expect(Set(names).count == names.count)
    #expect(try GoldenErrors.names() == Set(names))
  }

  @Test func `a file holds what the code says: status, type and text`() throws {
    for error in ErrorCase.all {
      guard let answer = error.origin?.answer else { continue }
      let text = try GoldenErrors.content(error.name)
      let isStream = text.contains("content-type: text/event-stream")
      let body = String(decoding: isStream ? answer.streamBody : answer.body, as: UTF8.self)
      let end = isStream ? "event: error\ndata: \(body)\n\n" : "\n\n" + body
      #expect(text.hasSuffix(end), "\(error.name)")
      #expect(text.hasPrefix("HTTP/1.1 \(isStream ? 200 : answer.status) "), "\(error.name)")
    }
  }

  /// No caller can meet these: a user is never taken out of the catalog, and one that left while it
  /// waited gets nothing.
  private static let unreachable: Set<String> = ["userNotFound", "callerLeft"]

  @Test func `every answer that ends a request has a file`() throws {
    let path = GoldenErrors.root + "/Sources/Gateway/Answers/Answer.swift"
    let source = try String(contentsOfFile: path, encoding: .utf8)
    let answers = source.prefix(
      upTo: source.firstRange(of: "extension ResponseHeaders")?.lowerBound ?? source.endIndex)
    let members = answers.matches(of: /\n  static (?:let|func) (\w+)/).map { String($0.1) }
    #expect(members.count > 20)
    let covered = Set(ErrorCase.all.compactMap { $0.origin?.member })
    #expect(Set(members).subtracting(covered) == Self.unreachable)
    #expect(covered.subtracting(members) == ["init"], "each name is a member's")
  }

  @Test func `an error body is JSON, a flat one or an envelope`() throws {
    for error in ErrorCase.all {
      guard let answer = error.origin?.answer else { continue }
      let json = try JSONParser().parse(answer.body)
      #expect(json[answer.isFlat ? "code" : "error"] != nil, "\(error.name)")
      #expect(answer.isFlat || json["type"]?.string == "error", "\(error.name)")
    }
  }
}
