// What the scripted upstream gives a tool: input that fits the tool's schema.

import Base

/// The input of a tool call in up to four pieces, the first one empty as in Anthropic's streams.
func toolInput(for tool: Prompt.Tool) -> [Piece] {
  var writer = JSONWriter()
  writeSample(of: tool.schema, depth: 0, to: &writer)
  let json = String(decoding: writer.bytes, as: UTF8.self)
  var pieces = [Piece(text: "", tokens: 0)]
  var rest = json[...]
  let size = max(1, (json.count + 2) / 3)
  while !rest.isEmpty {
    let text = String(rest.prefix(size))
    rest = rest.dropFirst(size)
    pieces.append(Piece(text: text, tokens: (text.utf8.count + 3) / 4))
  }
  return pieces
}

/// A value that fits a JSON schema: its required properties, its first enum case, its first type.
/// Google writes the types in upper case.
private func writeSample(of schema: JSONValue?, depth: Int, to writer: inout JSONWriter) {
  if let value = schema?["const"] ?? schema?["enum"]?.array?.first {
    writer.value(value)
    return
  }
  let choices = schema?["anyOf"]?.array ?? schema?["oneOf"]?.array
  if depth < greatestDepth, let first = choices?.first {
    writeSample(of: first, depth: depth + 1, to: &writer)
    return
  }
  let type = schema?["type"]
  switch (type?.string ?? type?.array?.first?.string)?.lowercased() {
  case "string": writer.string("sandbox")
  case "integer", "number": writer.integer(7)
  case "boolean": writer.bool(true)
  case "null": writer.null()
  case "array":
    writer.array { writer in
      guard depth < greatestDepth else { return }
      writeSample(of: schema?["items"], depth: depth + 1, to: &writer)
    }
  default:
    writer.object { writer in
      guard depth < greatestDepth else { return }
      for name in schema?["required"]?.array?.compactMap(\.string) ?? [] {
        writer.name(name)
        writeSample(of: schema?["properties"]?[name], depth: depth + 1, to: &writer)
      }
    }
  }
}

/// Deeper values are left empty.
private let greatestDepth = 8
