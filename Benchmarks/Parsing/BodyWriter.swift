// Writes Messages bodies of a wanted size in the shapes that clients send.

struct BodyWriter {
  private(set) var bytes: [UInt8] = []

  private mutating func add(_ text: String) { bytes.append(contentsOf: text.utf8) }

  /// As coding agents do it: the model first, then a long history of tool calls and their results,
  /// the system prompt and the tools behind it, the small settings last.
  mutating func agent(_ count: Int) {
    add(#"{"model":"claude-opus-5-5","messages":["#)
    let tail = agentTail(tools: count > 100_000 ? 40 : 8)
    var turn = 0
    while bytes.count + tail.utf8.count + 2000 < count {
      if turn > 0 { add(",") }
      add(
        #"{"role":"assistant","content":[{"type":"text","text":"Let me look at the file."},"#
          + #"{"type":"tool_use","id":"toolu_\#(turn)","name":"Read","input":{"file_path":"#
          + #""/workspace/project/src/module_\#(turn).ts","offset":\#(turn),"limit":200}}]},"#)
      add(
        #"{"role":"user","content":[{"tool_use_id":"toolu_\#(turn)","type":"tool_result","#
          + #""content":[{"type":"text","text":""#)
      for line in 0..<25 {
        add(
          #"  \#(line)\t  const value\#(line) = await client.fetch(\"/items/\#(turn)\");\n"#)
      }
      add(#""}]}]}"#)
      turn += 1
    }
    add(tail)
  }

  private func agentTail(tools: Int) -> String {
    let rules = String(repeating: #"Answer in few words. Never guess a URL.\n"#, count: 60)
    var tail = #"],"system":[{"type":"text","text":"You are a coding agent.","cache_control":"#
    tail += #"{"type":"ephemeral"}},{"type":"text","text":"\#(rules)","cache_control":"#
    tail += #"{"type":"ephemeral"}}],"tools":["#
    for tool in 0..<tools {
      if tool > 0 { tail += "," }
      tail += #"{"name":"Tool\#(tool)","description":"Reads a file.\n\nUsage:\n- The path must "#
      tail += #"be absolute.\n- By default it reads 2000 lines.","input_schema":{"type":"object","#
      tail += #""properties":{"path":{"type":"string","description":"The absolute path"},"#
      tail += #""offset":{"type":"number"},"limit":{"type":"number","minimum":1}},"#
      tail += #""required":["path"],"additionalProperties":false}}"#
    }
    tail += #"],"metadata":{"user_id":"user_0123456789abcdef"},"max_tokens":32000,"#
    return tail + #""thinking":{"type":"enabled","budget_tokens":16000},"stream":true}"#
  }

  mutating func chat(_ count: Int) {
    add(#"{"model":"claude-sonnet-5-5","max_tokens":1024,"stream":true,"messages":["#)
    var turn = 0
    while bytes.count + 200 < count {
      if turn > 0 { add(",") }
      let role = turn % 2 == 0 ? "user" : "assistant"
      add(
        #"{"role":"\#(role)","content":[{"type":"text","text":"What does entry \#(turn) of the "#
          + #"daybook say, and who wrote it?"}]}"#)
      turn += 1
    }
    add("]}")
  }

  mutating func oneText(_ count: Int, _ piece: String) {
    add(#"{"model":"claude-sonnet-5-5","max_tokens":1024,"messages":[{"role":"user","content":""#)
    while bytes.count + piece.utf8.count < count { add(piece) }
    add(#""}]}"#)
  }

  mutating func images(_ count: Int) {
    add(#"{"model":"claude-sonnet-5-5","max_tokens":1024,"messages":[{"role":"user","content":["#)
    let each = max(10_000, (count - 1000) / 4)
    for image in 0..<4 {
      if image > 0 { add(",") }
      add(#"{"type":"image","source":{"type":"base64","media_type":"image/png","data":""#)
      add(String(repeating: "iVBORw0KGgoAAAANSUhEUgAA", count: each / 24))
      add(#""}}"#)
    }
    add(#",{"type":"text","text":"What is in these pictures?"}]}]}"#)
  }
}
