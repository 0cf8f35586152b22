// A content block of the Messages API (https://docs.anthropic.com/en/api/messages), its members
// found in one pass. Of two with the same name the first counts, as in JSONScanner.member.
import Base

struct ClaudeBlock {
  var type: JSONSlice?
  var text: JSONSlice?
  var thinking: JSONSlice?
  var signature: JSONSlice?
  var id: JSONSlice?
  var name: JSONSlice?
  var input: JSONSlice?
  var toolUseID: JSONSlice?
  var content: JSONSlice?
  var isError: JSONSlice?
  var source: JSONSlice?

  init(_ block: JSONSlice, _ scanner: borrowing JSONScanner) {
    var members = scanner.members(of: block)
    while let member = members.next() {
      let name = member.name
      let value = member.value.kind == .null ? nil : member.value
      if scanner.isString(name, "type") {
        type = type ?? value
      } else if scanner.isString(name, "text") {
        text = text ?? value
      } else if scanner.isString(name, "content") {
        content = content ?? value
      } else if scanner.isString(name, "tool_use_id") {
        toolUseID = toolUseID ?? value
      } else if scanner.isString(name, "id") {
        id = id ?? value
      } else if scanner.isString(name, "name") {
        self.name = self.name ?? value
      } else if scanner.isString(name, "input") {
        input = input ?? value
      } else if scanner.isString(name, "source") {
        source = source ?? value
      } else if scanner.isString(name, "is_error") {
        isError = isError ?? value
      } else if scanner.isString(name, "thinking") {
        thinking = thinking ?? value
      } else if scanner.isString(name, "signature") {
        signature = signature ?? value
      }
    }
  }
}

/// Where the data of an image or document is.
struct ClaudeSource {
  var type: JSONSlice?
  var mediaType: JSONSlice?
  var data: JSONSlice?
  var content: JSONSlice?

  init(_ source: JSONSlice?, _ scanner: borrowing JSONScanner) {
    var members = scanner.members(of: source)
    while let member = members.next() {
      if scanner.isString(member.name, "type") {
        type = type ?? member.value
      } else if scanner.isString(member.name, "media_type") {
        mediaType = mediaType ?? member.value
      } else if scanner.isString(member.name, "data") {
        data = data ?? member.value
      } else if scanner.isString(member.name, "content") {
        content = content ?? member.value
      }
    }
  }
}

extension JSONSlice {
  /// `""`, the string without text.
  var isEmptyString: Bool { kind == .string && range.count <= 2 }
}

extension JSONWriter {
  /// A value as it stands in a tested text.
  mutating func copy(_ slice: JSONSlice, from scanner: borrowing JSONScanner) {
    raw(scanner.bytes.extracting(slice.range))
  }
}
