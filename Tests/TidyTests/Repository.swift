// The files of the working tree that the house rules look at.

import Foundation

/// One finding, printed as `path:line: what is wrong and what to do`.
struct Finding: CustomStringConvertible, Equatable {
  let path: String
  let line: Int
  let message: String

  var description: String { "\(path):\(line): \(message)" }
}

extension [Finding] {
  /// All findings, one a line, as the text of a failing test.
  var report: String { map(\.description).joined(separator: "\n") }
}

/// The working tree this test was built from.
enum Repository {
  /// Tests/TidyTests/Repository.swift, three levels up.
  static let root = URL(filePath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

  /// Paths of everything git tracks or would track, else of every file outside hidden folders.
  static let paths: [String] = listedByGit() ?? walked()

  static let swiftSources: [MaskedSource] =
    paths
    .filter { $0.hasSuffix(".swift") }
    .compactMap { path in text(of: path).map { MaskedSource(path: path, text: $0) } }

  static func text(of path: String) -> String? {
    try? String(contentsOf: root.appending(path: path), encoding: .utf8)
  }

  static func bytes(of path: String) -> [UInt8]? {
    (try? Data(contentsOf: root.appending(path: path))).map(Array.init)
  }

  private static func listedByGit() -> [String]? {
    let git = Process()
    git.executableURL = URL(filePath: "/usr/bin/env")
    git.arguments = [
      "git", "-C", root.path, "ls-files", "-z", "--cached", "--others", "--exclude-standard",
    ]
    let output = Pipe()
    git.standardOutput = output
    git.standardError = FileHandle.nullDevice
    guard (try? git.run()) != nil else { return nil }
    let listed = output.fileHandleForReading.readDataToEndOfFile()
    git.waitUntilExit()
    guard git.terminationStatus == 0 else { return nil }
    return String(decoding: listed, as: UTF8.self).split(separator: "\0").map(String.init)
      .filter { FileManager.default.fileExists(atPath: root.appending(path: $0).path) }
      .sorted()
  }

  private static func walked() -> [String] {
    let files = FileManager.default.enumerator(
      at: root, includingPropertiesForKeys: [.isRegularFileKey], options: [.skipsHiddenFiles])
    var found: [String] = []
    while let file = files?.nextObject() as? URL {
      let path = String(file.path.dropFirst(root.path.count + 1))
      if path.hasPrefix("daybook-data") { continue }
      let isFile = try? file.resourceValues(forKeys: [.isRegularFileKey]).isRegularFile
      if isFile == true { found.append(path) }
    }
    return found.sorted()
  }
}
