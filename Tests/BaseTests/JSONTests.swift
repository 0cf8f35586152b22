// The JSON readers against the grammar, damage and each other; the writer.
import Testing

@testable import Base

private func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

/// A scanner cannot stand inside a macro: the value is taken first.
private func check<T: Equatable>(
  _ actual: T, _ expected: T, sourceLocation: SourceLocation = #_sourceLocation
) {
  #expect(actual == expected, sourceLocation: sourceLocation)
}

/// A body with everything a request has.
let sampleBody = #"""
  {"model":"claude-opus-5-5","max_tokens":128000,"stream":true,"temperature":-0.5e-1,"stop":null,
   "système":"é\u00e9\ud83d\ude00\"\\\/\b\f\n\r\t😀",
   "messages":[{"role":"user","content":[{"type":"text","text":"Hi \u00e9"},
     {"type":"image","source":{"type":"base64","data":"AAAA"}}]},{"role":"user","content":"plain"}]}
  """#

let acceptedTexts = [
  "0", "-0", "1.5", "1e5", "1E+5", "-1.25e-07", "true", "false", "null", "[]", "{}", "\"\"",
  " [ 1 , 2 ] ", "{\"a\" : {\"b\":[]}}", "\"\\u0000\"", "\"\\ud800\"", "\"\u{7F}\u{2028}\"",
  "123456789012345678901234567890", "[[[[[[]]]]]]", "\t\r\n1\n", "\"日本語😀\"", sampleBody,
]
let refusedTexts = [
  "", " ", "01", "-", "+1", ".5", "1.", "1e", "1e+", "0x5", "00", "-01", "NaN", "Infinity", "nul",
  "tru", "truex", "[1,]", "[,1]", "[1 2]", "{,}", "{\"a\":1,}", "{\"a\"}", "{\"a\":}", "{a:1}",
  "{'a':1}", "[", "]", "{", "}", "[}", "{]", "\"", "\"\\", "\"\\x\"", "\"\\u12\"", "\"\\u12g4\"",
  "\"a\nb\"", "\"\u{1}\"", "1 2", "[] []", "//c\n1", "/**/1", "\u{FEFF}1", "{\"a\":1 \"b\":2}",
  "\"\\u\"", "[\"a\":1]", "{\"a\",1}", "{1:2}", "--1", "1..2", "1ee5", "- 1",
]
let refusedBytes: [[UInt8]] = [
  [0x22, 0x80, 0x22], [0x22, 0xC0, 0x80, 0x22], [0x22, 0xC3, 0x22], [0x22, 0xE0, 0x80, 0x80, 0x22],
  [0x22, 0xED, 0xA0, 0x80, 0x22], [0x22, 0xF4, 0x90, 0x80, 0x80, 0x22], [0x22, 0xF5, 0x22],
  [0x22, 0xFF, 0x22], [0x22, 0xE2, 0x82], [0xFF], [0x5B, 0x00, 0x5D],
]

@Suite struct `JSON texts` {
  @Test(arguments: acceptedTexts)
  func `a text of the grammar is accepted by both readers`(text: String) throws {
    _ = try JSONParser().parse(text)
    _ = try JSONScanner(bytes(text).span)
  }

  @Test(arguments: refusedTexts)
  func `a text outside the grammar is refused by both readers`(text: String) {
    #expect(throws: JSONError.self) { try JSONParser().parse(text) }
    #expect(throws: JSONError.self) { _ = try JSONScanner(bytes(text).span) }
  }

  @Test(arguments: refusedBytes)
  func `bytes that are not UTF-8 are refused by both readers`(text: [UInt8]) {
    #expect(throws: JSONError.self) { try JSONParser().parse(text) }
    #expect(throws: JSONError.self) { _ = try JSONScanner(text.span) }
  }

  @Test func `a text cut at any byte is refused`() {
    let whole = bytes(sampleBody)
    for count in 0..<whole.count {
      let part = [UInt8](whole.prefix(count))
      #expect(throws: JSONError.self) { _ = try JSONScanner(part.span) }
      #expect(throws: JSONError.self) { try JSONParser().parse(part) }
    }
  }

  @Test func `damaged texts never trap and both readers agree on them`() {
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
      let parsed = try? JSONParser(duplicates: .keepLast).parse(text)
      var isScanned = false
      if let scanner = try? JSONScanner(text.span) {
        isScanned = true
        _ = walk(scanner, scanner.root)
      }
      #expect((parsed != nil) == isScanned, "seed \(seed)")
      let trusting = JSONScanner(trusting: text.span)
      _ = walk(trusting, trusting.root)
    }
  }

  @Test func `the depth limit is exact`() throws {
    let deep = { (count: Int) in
      String(repeating: "[", count: count) + String(repeating: "]", count: count)
    }
    _ = try JSONScanner(bytes(deep(128)).span)
    _ = try JSONParser().parse(deep(128))
    #expect(throws: JSONError.self) { _ = try JSONScanner(bytes(deep(129)).span) }
    #expect(throws: JSONError.self) { try JSONParser().parse(deep(129)) }
    #expect(throws: JSONError.self) { _ = try JSONScanner(bytes(deep(100_000)).span) }
    #expect(throws: JSONError.self) {
      try JSONParser().parse(String(repeating: "{\"a\":", count: 9000))
    }
  }

  @Test func `an error names line, column and reason`() {
    let error = #expect(throws: JSONError.self) {
      try JSONParser().parse("{\n  \"é\": 1,\n  \"b\": tru }")
    }
    #expect(error?.description == "line 3, column 8: expected a value")
    let twice = #expect(throws: JSONError.self) { try JSONParser().parse("{\"é\":1,\"é\":2}") }
    #expect(twice?.description == "line 1, column 8: \"é\" stands twice in this object")
  }
}

/// Visits every value below `slice`; returns how many there are.
private func walk(_ scanner: borrowing JSONScanner, _ slice: JSONSlice) -> Int {
  var count = 1
  _ = scanner.decoded(slice)
  _ = scanner.integer(slice)
  var members = scanner.members(of: slice)
  while let member = members.next() { count += walk(scanner, member.value) }
  var elements = scanner.elements(of: slice)
  while let element = elements.next() { count += walk(scanner, element) }
  return count
}

@Suite struct `JSON trees` {
  @Test func `members keep their order and numbers their text`() throws {
    let value = try JSONParser().parse("{\"b\":1.50,\"a\":[1e400,-0],\"c\":{\"d\":null}}")
    #expect(value.object?.members.map(\.name) == ["b", "a", "c"])
    #expect(value["b"]?.numberText == "1.50")
    #expect(value["a"]?.array?.first?.numberText == "1e400")
    #expect(value["c"]?["d"]?.isNull == true)
    #expect(value.text == "{\"b\":1.50,\"a\":[1e400,-0],\"c\":{\"d\":null}}")
  }

  @Test(arguments: [
    (#""\u00e9\ud83d\ude00""#, "é😀"), (#""\ud83dx""#, "\u{FFFD}x"),
    (#""\ude00\ud83d""#, "\u{FFFD}\u{FFFD}"),
    (#""\ud83d\u0041""#, "\u{FFFD}A"), (#""a\"\\\/\b\f\n\r\t""#, "a\"\\/\u{8}\u{C}\n\r\t"),
    (#""\uD83D\uDE00é""#, "😀é"),
  ])
  func `escapes are read`(text: String, expected: String) throws {
    #expect(try JSONParser().parse(text).string == expected)
    let source = bytes(text)
    let scanner = try JSONScanner(source.span)
    check(scanner.decoded(scanner.root), expected)
    check(scanner.decodedByteCount(scanner.root), expected.utf8.count)
  }

  @Test func `a name that stands twice follows the policy`() throws {
    let text = "{\"a\":1,\"b\":2,\"\\u0061\":3,\"a\":4}"
    #expect(throws: JSONError.self) { try JSONParser().parse(text) }
    #expect(try JSONParser(duplicates: .keepFirst).parse(text).text == "{\"a\":1,\"b\":2}")
    #expect(try JSONParser(duplicates: .keepLast).parse(text).text == "{\"a\":4,\"b\":2}")
  }

  @Test func `comments count as white space only where they are allowed`() throws {
    let text = "// head\n{ // one\n \"a\": \"//no\" , // two\n \"b\" : 2 } // end"
    let value = try JSONParser(allowsComments: true).parse(text)
    #expect(value.text == "{\"a\":\"//no\",\"b\":2}")
    #expect(value.object?.member("b")?.offset == 40)
    #expect(throws: JSONError.self) { try JSONParser().parse(text) }
    #expect(throws: JSONError.self) { try JSONParser(allowsComments: true).parse("/ 1") }
  }

  @Test(arguments: [
    ("5", Int64(5)), ("5.0", 5), ("5e2", 500), ("-9223372036854775808", .min),
  ])
  func `integers are read in any notation`(text: String, expected: Int64) throws {
    #expect(try JSONParser().parse(text).integer == expected)
  }

  @Test(arguments: ["5.5", "9223372036854775808", "1e40", "true", "\"5\""])
  func `what is no integer of 64 bits is none`(text: String) throws {
    #expect(try JSONParser().parse(text).integer == nil)
  }
}

@Suite struct `The scanner` {
  @Test func `top-level members are found by name`() throws {
    let body = bytes(sampleBody)
    let scanner = try JSONScanner(object: body.span)
    let root = scanner.root
    check(scanner.decoded(scanner.member("model", of: root)), "claude-opus-5-5")
    check(scanner.integer(scanner.member("max_tokens", of: root)), 128_000)
    check(scanner.bool(scanner.member("stream", of: root)), true)
    check(scanner.member("stop", of: root)?.kind, .null)
    check(scanner.scaled(scanner.member("temperature", of: root), scale: 3), -50)
    check(scanner.member("absent", of: root), nil)
  }

  @Test func `content blocks can be walked and their text counted`() throws {
    let body = bytes(sampleBody)
    let scanner = try JSONScanner(object: body.span)
    var types: [String] = []
    var textBytes = 0
    var messages = scanner.elements(of: scanner.member("messages", of: scanner.root))
    while let message = messages.next() {
      let content = scanner.member("content", of: message)
      textBytes += scanner.decodedByteCount(content) ?? 0
      var blocks = scanner.elements(of: content)
      while let block = blocks.next() {
        types.append(scanner.decoded(scanner.member("type", of: block)) ?? "")
        textBytes += scanner.decodedByteCount(scanner.member("text", of: block)) ?? 0
      }
    }
    #expect(types == ["text", "image"])
    #expect(textBytes == 5 + 5)
  }

  @Test func `the range of a value is its bytes`() throws {
    let body = bytes(#"{"a":1, "model" : "x\u0079" ,"b":[1,{"c":"}"}]}"#)
    let scanner = try JSONScanner(object: body.span)
    let model = scanner.member("model", of: scanner.root)!
    check(scanner.text(model), #""x\u0079""#)
    #expect(String(decoding: body[model.contents], as: UTF8.self) == #"x\u0079"#)
    check(scanner.text(scanner.member("b", of: scanner.root)!), #"[1,{"c":"}"}]"#)
  }

  @Test func `a second model is refused however it is written`() {
    for second in ["\"model\"", "\"\\u006dodel\"", "\"mo\\u0064el\""] {
      let body = bytes("{\"model\":\"a\",\(second):\"b\"}")
      let error = #expect(throws: JSONError.self) { _ = try JSONScanner(object: body.span) }
      #expect(error?.reason == .duplicateName("model"))
    }
  }

  @Test func `an escaped name is found`() throws {
    let body = bytes(#"{"\u006dodel":"a"}"#)
    let scanner = try JSONScanner(object: body.span)
    check(scanner.isString(scanner.member("model", of: scanner.root), "a"), true)
  }

  @Test(arguments: ["[]", "1", "\"{}\"", "null"])
  func `a body that is no object is refused`(text: String) {
    #expect(throws: JSONError.self) { _ = try JSONScanner(object: bytes(text).span) }
  }

  @Test func `both readers see the same tree`() throws {
    let source = bytes(sampleBody)
    let scanner = try JSONScanner(source.span)
    check(walk(scanner, scanner.root), try count(JSONParser().parse(source)))
  }

  private func count(_ value: JSONValue) -> Int {
    switch value {
    case .array(let elements): elements.reduce(1) { $0 + count($1) }
    case .object(let object): object.members.reduce(1) { $0 + count($1.value) }
    default: 1
    }
  }
}

@Suite struct `The JSON writer` {
  @Test func `commas and escapes are set`() throws {
    var writer = JSONWriter()
    writer.object { json in
      json.member("a", "q\"\\\u{1}\n\u{7F}é\u{2028}")
      json.member("b", -5)
      json.member(
        "c",
        array: { json in
          json.integer(1)
          json.object { _ in }
          json.array { _ in }
          json.null()
          json.bool(true)
          json.decimal(10_250_000_000, scale: 9)
          json.raw("1e400")
        })
      json.member("d", decimal: -1, scale: 9)
      json.member(null: "e")
    }
    let text = String(decoding: writer.bytes, as: UTF8.self)
    #expect(
      text
        == "{\"a\":\"q\\\"\\\\\\u0001\\n\u{7F}é\u{2028}\",\"b\":-5,"
        + "\"c\":[1,{},[],null,true,10.25,1e400],\"d\":-0.000000001,\"e\":null}")
    _ = try JSONParser().parse(text)
  }

  @Test func `bytes that are not UTF-8 are repaired`() throws {
    var writer = JSONWriter()
    writer.string(utf8: ([0x61, 0xFF, 0x22] as [UInt8]).span)
    #expect(String(decoding: writer.bytes, as: UTF8.self) == "\"a\u{FFFD}\\\"\"")
  }

  @Test func `any text is read back as it was`() throws {
    var random = SeededGenerator(seed: 6)
    for _ in 0..<200 {
      let text = String(repairing: random.bytes(40).span)
      var writer = JSONWriter()
      writer.string(text)
      #expect(try JSONParser().parse(writer.bytes).string == text, "seed 6")
    }
  }
}
