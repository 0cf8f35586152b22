// `daybook generate` with the release binary: a ledger that verifies, and that is left alone after.
import Base
import TestSupport
import Testing

struct GenerateTests {
  private let directory = TemporaryDirectory()
  private func run(
    _ name: String, _ words: String...
  ) async throws -> (end: ProcessEnd, output: String, errors: String) {
    try await ServerProcess.run(["--data", "\(directory.path)/\(name)"] + words)
  }

  @Test func `a made-up history is a ledger that verifies and is the same for the same seed`()
    async throws
  {
    var outputs: [String] = []
    for name in ["a", "b"] {
      let made = try await run(name, "--json", "generate", "--requests", "2000", "--seed", "7")
      try #require(made.end == .exited(0), "\(made.errors)")
      let checked = try await run(name, "verify")
      #expect(checked.end == .exited(0), "\(checked.errors)")
      outputs.append(made.output)
    }
    #expect(outputs[0] == outputs[1])
    #expect(outputs[0].contains("\"requests\":2000"))
  }

  @Test func `a history is never made up in a directory that holds a ledger`() async throws {
    let first = try await run("c", "generate", "--requests", "50")
    try #require(first.end == .exited(0), "\(first.errors)")
    let path = "\(directory.path)/c/segments/00000000000000000001.lz4"
    let before = try RealFileSystem().readFile(path)
    let second = try await run("c", "generate", "--requests", "50")
    #expect(second.end == .exited(1))
    #expect(second.errors.contains("holds a ledger"))
    #expect(try RealFileSystem().readFile(path) == before)
  }
}
