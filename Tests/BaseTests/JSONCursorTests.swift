// The cursor against the readers that build trees and test whole texts.
import Testing

@testable import Base

private func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

/// Reads the next value into a tree, entering every container.
private func tree(_ cursor: inout JSONCursor) throws(JSONFault) -> JSONValue {
  switch cursor.nextKind() {
  case .object:
    var object = JSONObject()
    try cursor.enterObject()
    while let name = try cursor.nextName() {
      let text = cursor.text(name) ?? ""
      object.members.append(
        JSONObject.Member(
          name: text, value: try tree(&cursor), offset: name.range.lowerBound))
    }
    return .object(object)
  case .array:
    var array: [JSONValue] = []
    try cursor.enterArray()
    while try cursor.nextElement() { array.append(try tree(&cursor)) }
    return .array(array)
  default:
    let value = try cursor.value()
    switch value.kind {
    case .string: return .string(cursor.text(value) ?? "")
    case .bool: return .bool(cursor.bool(value) ?? false)
    case .null: return .null
    default: return .number("\(cursor.integer(value) ?? -1)")
    }
  }
}

/// A text read by entering everything; nil when it is refused.
private func entered(_ text: [UInt8]) -> JSONValue? {
  var cursor = JSONCursor(text.span)
  do {
    let value = try tree(&cursor)
    try cursor.end()
    return value
  } catch { return nil }
}

/// Whether a text is accepted when its value is skipped.
private func isSkipped(_ text: [UInt8]) -> Bool {
  var cursor = JSONCursor(text.span)
  do {
    try cursor.skip()
    try cursor.end()
    return true
  } catch { return false }
}

@Suite struct `JSON cursor` {
  @Test(arguments: acceptedTexts)
  func `a text of the grammar is accepted, entered or skipped`(text: String) {
    #expect(entered(bytes(text)) != nil && isSkipped(bytes(text)))
  }

  @Test(arguments: refusedTexts)
  func `a text outside the grammar is refused, entered or skipped`(text: String) {
    #expect(entered(bytes(text)) == nil && !isSkipped(bytes(text)))
  }

  @Test(arguments: refusedBytes)
  func `bytes that are not UTF-8 are refused`(text: [UInt8]) {
    #expect(entered(text) == nil && !isSkipped(text))
  }

  @Test func `damaged texts never trap and are judged as by the parser`() {
    for seed in UInt64(0)..<3000 {
      var random = SeededGenerator(seed: seed)
      var text = bytes(sampleBody)
      for _ in 0..<Int.random(in: 1...4, using: &random) {
        let index = Int.random(in: 0..<text.count, using: &random)
        switch Int.random(in: 0..<4, using: &random) {
        case 0: text[index] = UInt8.random(in: .min ... .max, using: &random)
        case 1: text.remove(at: index)
        case 2: text.insert(bytes("{}[]\",:\\u0")[index % 10], at: index)
        default: text.removeSubrange(index..<min(text.count, index + 9))
        }
      }
      let isParsed = (try? JSONParser(duplicates: .keepLast).parse(text)) != nil
      #expect(isParsed == (entered(text) != nil) && isParsed == isSkipped(text), "seed \(seed)")
    }
  }

  @Test func `the values read are those of the tree`() throws {
    let text = #"{"a":[1,{"b":"x\u00e9\n"},[],{}],"c":true,"d":null,"e":{"f":{"g":[-7]}}}"#
    #expect(entered(bytes(text)) == (try JSONParser().parse(text)))
  }

  @Test func `the depth limit is exact, entered or skipped`() {
    let deep = { (count: Int) in
      bytes(String(repeating: "[", count: count) + String(repeating: "]", count: count))
    }
    #expect(entered(deep(128)) != nil && isSkipped(deep(128)))
    #expect(entered(deep(129)) == nil && !isSkipped(deep(129)))
    // A value skipped inside of what was entered counts from the text's start.
    let text = deep(128)
    var cursor = JSONCursor(text.span, maxDepth: 127)
    let isTooDeep: Bool
    do {
      try cursor.enterArray()
      _ = try cursor.nextElement()
      try cursor.skip()
      isTooDeep = false
    } catch { isTooDeep = error.reason == .tooDeep(limit: 127) }
    #expect(isTooDeep)
  }

  @Test(arguments: ["", "plain", "é\u{1F600}", "\"\\/\u{8}\u{c}\n\r\t", "\u{1}\u{1f}x"])
  func `the byte count of a text is that of its decoded form`(text: String) {
    var quoted: [UInt8] = []
    JSONWriter.appendQuoted(text, to: &quoted)
    var cursor = JSONCursor(quoted.span)
    let count = try? cursor.textByteCount()
    #expect(count == text.utf8.count)
  }

  @Test(arguments: [
    (#""\u0041""#, 1), (#""\u00e9""#, 2), (#""\u20ac""#, 3), (#""\ud83d\ude00""#, 4),
    (#""\ud800""#, 3), (#""\ud800\u0041""#, 4), (#""\udc00x""#, 4),
  ])
  func `unicode escapes count as what they stand for`(text: String, count: Int) {
    let source = bytes(text)
    var cursor = JSONCursor(source.span)
    let counted = try? cursor.textByteCount()
    #expect(counted == count)
  }

  @Test func `a name is compared with its escapes read`() {
    let source = bytes(#"["model","mod\u0065l","models","\u006d"]"#)
    var cursor = JSONCursor(source.span)
    var same: [Bool] = []
    do {
      try cursor.enterArray()
      while try cursor.nextElement() { same.append(cursor.isText(try cursor.value(), "model")) }
    } catch { same = [] }
    #expect(same == [true, true, false, false])
  }
}
