// A request of the Messages API as one of generateContent
// (https://ai.google.dev/api/generate-content). One pass: what is text, JSON or base64 in both is
// copied as it stands.
//
//   system               systemInstruction
//   messages             contents                 GeminiContents
//   tools, tool_choice   tools, toolConfig        GeminiTools, GeminiSchema
//   max_tokens, ...      generationConfig         GeminiSettings
//
// What has no counterpart and changes no answer (metadata, cache_control, service_tier, ...) is
// left out; what the caller would miss is refused.
import Base
import Ledger

struct GeminiRequest {
  /// What the request is put into.
  enum Form {
    /// The body of generateContent and streamGenerateContent.
    case generate
    /// The body of countTokens: system and tools count too.
    case count
    /// Antigravity's envelope.
    case antigravity(project: String)
  }

  var json: JSONWriter
  let model: GeminiModel
  let signatures: ThoughtSignatures
  let now: Timestamp
  /// Antigravity's Claude models pair calls and results by id.
  let namesCallIDs: Bool

  // What GeminiContents remembers on its way.
  var role = Role.none
  /// Functions by the ids of their calls.
  var functions: [String: String] = [:]
  /// Images and documents of tool results: they follow after the results.
  var media: [(type: JSONSlice, data: JSONSlice)] = []
  /// True once a call of the open content carries a signature of the upstream's.
  var isTurnSigned = false
  /// Where we are, for messages of refusal.
  var place = ""

  enum Role { case none, user, model }

  /// Translates a body.
  /// - Parameters:
  ///   - body: one JSON object, as MessagesCall has accepted it.
  ///   - model: the name the upstream knows.
  /// - Throws: 400 with what the caller can do about it.
  static func translate(
    _ body: [UInt8], model: String, form: Form = .generate, signatures: ThoughtSignatures,
    now: Timestamp
  ) throws(Answer) -> [UInt8] {
    let scanner: JSONScanner
    do { scanner = try JSONScanner(body.span, maxDepth: MessagesCall.greatestDepth) } catch {
      throw .bodyMalformed
    }
    guard scanner.root.kind == .object else { throw .bodyMalformed }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(body.count + 512)
    var isWrapped = false
    if case .antigravity = form { isWrapped = true }
    var request = GeminiRequest(
      json: JSONWriter(appendingTo: bytes), model: GeminiModel(model), signatures: signatures,
      now: now, namesCallIDs: isWrapped)
    try request.write(Members(scanner), in: form, scanner)
    return request.json.bytes
  }

  /// The members of the body that are translated.
  struct Members {
    var system: JSONSlice?
    var messages: JSONSlice?
    var tools: JSONSlice?
    var toolChoice: JSONSlice?
    var maxTokens: JSONSlice?
    var temperature: JSONSlice?
    var topP: JSONSlice?
    var topK: JSONSlice?
    var stopSequences: JSONSlice?
    var thinking: JSONSlice?
    var outputConfig: JSONSlice?

    init(_ scanner: borrowing JSONScanner) {
      var members = scanner.members(of: scanner.root)
      while let member = members.next() {
        guard member.value.kind != .null else { continue }
        set(scanner.decoded(member.name) ?? "", member.value)
      }
    }

    private mutating func set(_ name: String, _ value: JSONSlice) {
      switch name {
      case "system": system = value
      case "messages": messages = value
      case "tools": tools = value
      case "tool_choice": toolChoice = value
      case "max_tokens": maxTokens = value
      case "temperature": temperature = value
      case "top_p": topP = value
      case "top_k": topK = value
      case "stop_sequences": stopSequences = value
      case "thinking": thinking = value
      case "output_config": outputConfig = value
      default: break
      }
    }
  }

  private mutating func write(
    _ members: Members, in form: Form, _ scanner: borrowing JSONScanner
  ) throws(Answer) {
    json.beginObject()
    switch form {
    case .generate: break
    case .count:
      json.key("generateContentRequest")
      json.beginObject()
      json.member("model", "models/\(model.name)")
    case .antigravity(let project):
      json.member("project", project)
      json.member("model", model.name)
      json.key("request")
      json.beginObject()
    }
    try system(members.system, scanner)
    try contents(members.messages, scanner)
    try tools(members.tools, choice: members.toolChoice, scanner)
    try settings(members, scanner)
    if case .generate = form {} else { json.endObject() }
    json.endObject()
  }

  /// A string, or text blocks.
  private mutating func system(
    _ system: JSONSlice?, _ scanner: borrowing JSONScanner
  ) throws(Answer) {
    guard let system else { return }
    var texts: [JSONSlice] = []
    switch system.kind {
    case .string: texts.append(system)
    case .array:
      var blocks = scanner.elements(of: system)
      while let block = blocks.next() {
        guard scanner.isString(scanner.member("type", of: block), "text"),
          let text = scanner.member("text", of: block), text.kind == .string
        else { throw .untranslatable("system: blocks must be of type \"text\"") }
        texts.append(text)
      }
    default: throw .untranslatable("system: must be a string or an array of text blocks")
    }
    texts.removeAll { $0.isEmptyString }
    guard !texts.isEmpty else { return }
    json.key("systemInstruction")
    json.beginObject()
    json.key("parts")
    json.beginArray()
    for text in texts {
      json.beginObject()
      json.key("text")
      json.copy(text, from: scanner)
      json.endObject()
    }
    json.endArray()
    json.endObject()
  }
}

extension Answer {
  /// The request holds something that the platform of the account has no counterpart for, or is
  /// not a request of the Messages API.
  static func untranslatable(_ message: String) -> Answer {
    Answer(400, "invalid_request_error", message, rejection: .invalidRequest)
  }
}
