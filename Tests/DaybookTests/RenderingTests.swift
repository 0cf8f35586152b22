// What people see: aligned tables, money with a dollar sign, nothing that moves the cursor.
import Base
import Testing

@testable import daybook

@Suite struct RenderingTests {
  private func json(_ text: String) throws -> JSONValue { try JSONParser().parse(text) }

  @Test func `columns are aligned, numbers to the right, wide characters as two`() throws {
    let rows = try json(#"[{"n":"张三","u":"1.5"},{"n":"bo","u":"-10"}]"#)
    let text = Rendering.table(
      rows, [.init("NAME", "n"), .init("USD", "u")], empty: "none")
    #expect(text == "NAME  USD\n张三  1.5\nbo    -10\n")
  }

  @Test func `an empty list says so`() throws {
    #expect(
      Rendering.table(try json("[]"), [.init("A", "a")], empty: "no users yet") == "no users yet\n")
  }

  @Test func `money has a dollar sign, also below zero, and all its digits`() throws {
    let text = Rendering.lines(try json(#"{"balance_usd":"-0.000000001","held_usd":"10.25"}"#))
    #expect(text == "balance  -$0.000000001\nheld     $10.25\n")
  }

  @Test func `nothing is a dash and objects are indented`() throws {
    let text = Rendering.lines(try json(#"{"a":null,"b":{"c":true}}"#))
    #expect(text == "a  -\nb\n  c  yes\n")
  }

  @Test func `control characters of a name show as escapes`() throws {
    let value = try json(#"{"name":"a\u001b[2Jb"}"#)
    #expect(Rendering.lines(value) == "name  a\\u{1b}[2Jb\n")
  }
}
