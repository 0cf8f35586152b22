// docs/commands.md and docs/configuration.md say all there is to say.
import Foundation
import Testing

@testable import Gateway
@testable import daybook

@Suite struct DocumentTests {
  private func document(_ name: String) throws -> String {
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().deletingLastPathComponent()
    return try String(contentsOf: root.appending(path: "docs/\(name)"), encoding: .utf8)
  }

  @Test func `the page on commands names every command and option`() throws {
    let page = try document("commands.md").replacing("\\|", with: "|")
    for spec in CommandTable.all.map({ $0.spec }) {
      #expect(page.contains("`daybook \(spec.name)") || page.contains("`\(spec.name)`"))
      for option in spec.options {
        let text = "--\(option.name)" + (option.value.map { " \($0)" } ?? "")
        #expect(page.contains("`\(text)`"), "\(spec.name): \(text)")
      }
    }
  }

  @Test func `the page on the configuration names every key`() throws {
    let page = try document("configuration.md")
    let keys = Configuration.keys + GroupSettings.keys + AccountSettings.keys + GatewaySettings.keys
    for key in keys { #expect(page.contains(key), "\(key)") }
  }
}
