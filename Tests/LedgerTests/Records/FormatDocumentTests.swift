// docs/format.md lists number, name, fields and offsets of every type. It is written by this test
// from the code that reads and writes records: DAYBOOK_WRITE_DOCS=1 swift test --filter Format
import Glibc
import Testing

@testable import Ledger

private let begin = "<!-- types: written from the code, see FormatDocumentTests -->\n"
private let end = "<!-- end of types -->\n"

private func typesSection() -> String {
  var text = begin
  for type in RecordType.allCases.sorted(by: { $0.rawValue < $1.rawValue }) {
    let payload = type.payload.init()
    text += "\n### \(type.rawValue) \(type.name)\n"
    text += "Fixed part: \(Swift.type(of: payload).fixedLength) bytes.\n\n"
    text += "| at | field | type |\n| --- | --- | --- |\n"
    for field in Event.fields(of: payload) {
      let width = field.typeName == "bytes" ? " (\(field.width))" : ""
      text += "| \(field.offset.map(String.init) ?? "string") | \(field.name) | "
      text += "\(field.typeName)\(width) |\n"
    }
  }
  text += "\n### Codes\n"
  text += codes("platform", Platform.self) + codes("target", PaymentTarget.self)
  text += codes("status of users and keys", ActiveStatus.self) + codes("refusal", Refusal.self)
  text += codes("reason of request_rejected", RejectReason.self)
  text += codes("failure of attempt_failed", FailureClass.self)
  text += codes("outcome of attempt_failed", AttemptOutcome.self)
  text += codes("reason of a settlement", SettlementReason.self)
  text += codes("failure of forward_failed", ForwardFailure.self)
  text += codes("stop_reason", StopReason.self) + codes("kind of interception", InterceptKind.self)
  text += codes("condition", AccountCondition.self) + codes("kind of name", NameKind.self)
  text += codes("service_tier", ServiceTier.self) + codes("speed", Speed.self)
  text += codes("geography", Geography.self) + codes("price_rule", PriceRule.self)
  return text + end
}

private func codes<Code: RecordCode>(_ title: String, _ type: Code.Type) -> String {
  let list = Code.allCases.filter { $0 != Code.unrecognized }
    .map { "\($0.rawValue) \($0.name)" }.joined(separator: ", ")
  return "- \(title): \(list)\n"
}

private func contents(of path: String) -> String? {
  guard let file = fopen(path, "r") else { return nil }
  defer { fclose(file) }
  var bytes: [UInt8] = []
  var buffer = [UInt8](repeating: 0, count: 65_536)
  while case let count = fread(&buffer, 1, buffer.count, file), count > 0 {
    bytes += buffer[..<count]
  }
  return String(decoding: bytes, as: UTF8.self)
}

@Test func `docs format lists every type as the code has it`() throws {
  let root = #filePath.split(separator: "/").dropLast(4).joined(separator: "/")
  let path = "/\(root)/docs/format.md"
  let text = try #require(contents(of: path))
  let wanted = typesSection()
  let from = try #require(text.firstRange(of: begin)), to = try #require(text.firstRange(of: end))
  if getenv("DAYBOOK_WRITE_DOCS") != nil {
    let new = text[..<from.lowerBound] + wanted + text[to.upperBound...]
    let file = try #require(fopen(path, "w"))
    fputs(String(new), file)
    fclose(file)
    return
  }
  let same = text[from.lowerBound..<to.upperBound] == wanted
  #expect(same, "run: DAYBOOK_WRITE_DOCS=1 swift test --filter FormatDocument")
}
