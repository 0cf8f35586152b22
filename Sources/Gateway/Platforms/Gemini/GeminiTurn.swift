// The answers of generateContent, one or many of a stream
// (https://ai.google.dev/api/generate-content#GenerateContentResponse): what each piece is in the
// Messages API, and what is known of the whole so far. GeminiStream and GeminiMessage write it.
import Base
import Ledger

struct GeminiTurn {
  /// A piece of content. Slices are of the text that was read.
  enum Piece {
    case text(JSONSlice)
    case thinking(JSONSlice)
    /// Of the thinking before it.
    case signature(JSONSlice)
    case call(id: String, name: JSONSlice, arguments: JSONSlice?)
  }

  /// What one answer of the upstream is.
  enum Reading {
    case pieces([Piece])
    case error(GeminiError)
    case malformed(String)
  }

  /// The model that was asked for, by the upstream's name.
  private let model: GeminiModel
  private let signatures: ThoughtSignatures
  let ids: AnswerIDs

  private var usage = GeminiUsage()
  /// As the upstream gave it.
  private(set) var responseID = ""
  private(set) var modelVersion = ""
  private var finishReason: String?
  private var isBlocked = false
  private var hasCalls = false
  /// The first call of the turn, while its signature is missing: it may come by itself, later.
  private var unsignedCall: String?
  /// The last thinking has no signature and nothing behind it.
  private var isThinking = false
  private(set) var grounding = GeminiGrounding()
  /// UTF-8 bytes of text, thinking and arguments.
  private(set) var contentBytes = 0
  private(set) var hasContent = false

  init(model: String, signatures: ThoughtSignatures, ids: AnswerIDs) {
    self.model = GeminiModel(model)
    self.signatures = signatures
    self.ids = ids
  }

  /// What the upstream has reported so far.
  var reported: ReportedUsage {
    var usage = usage
    let model = modelVersion.isEmpty ? model : GeminiModel(modelVersion)
    usage.searches = grounding.searches(feeForEachQuery: model.paysForEachQuery)
    return usage.reported(isEmptyAnswer: stopReason != nil && !hasContent)
  }

  /// The Messages API's stop reason; nil while the answer is not complete.
  var stopReason: String? {
    switch finishReason {
    case nil, "", "FINISH_REASON_UNSPECIFIED": isBlocked ? "refusal" : nil
    case "MAX_TOKENS": "max_tokens"
    case "SAFETY", "RECITATION", "PROHIBITED_CONTENT", "BLOCKLIST", "SPII", "IMAGE_SAFETY",
      "IMAGE_PROHIBITED_CONTENT", "IMAGE_RECITATION":
      "refusal"
    // STOP, and ends without a counterpart: OTHER, LANGUAGE, MALFORMED_FUNCTION_CALL, ...
    case _?: hasCalls ? "tool_use" : "end_turn"
    }
  }

  /// What is charged for.
  var meter: UsageMeter {
    var meter = UsageMeter()
    let name = modelVersion.isEmpty ? model.name : modelVersion
    meter.messageStart(id: responseID, model: name, usage: ReportedUsage())
    if hasContent { meter.content(bytes: contentBytes) }
    let reported = reported
    meter.messageDelta(stopReason: stopReason, usage: reported.isEmpty ? nil : reported)
    return meter
  }

  /// Reads one answer; Antigravity's envelope around it is taken off.
  mutating func read(_ scanner: borrowing JSONScanner, now: Timestamp) -> Reading {
    guard scanner.root.kind == .object else { return .malformed("an answer is no JSON object") }
    if let error = scanner.member("error", of: scanner.root), error.kind == .object {
      return .error(GeminiError(status: 0, error: error, scanner))
    }
    let answer = Antigravity.unwrapped(scanner.root, scanner)
    var candidates: JSONSlice?
    var isKnown = false
    var members = scanner.members(of: answer)
    while let member = members.next() {
      let value = member.value
      switch scanner.decoded(member.name) {
      case "candidates": candidates = value
      case "usageMetadata": usage.read(value, scanner)
      case "promptFeedback":
        if scanner.member("blockReason", of: value)?.kind == .string { isBlocked = true }
      case "responseId": note(value, scanner, in: &responseID)
      case "modelVersion": note(value, scanner, in: &modelVersion)
      default: continue
      }
      isKnown = true
    }
    guard isKnown || answer != scanner.root else {
      return .malformed("an answer has neither candidates nor usage")
    }
    var all = scanner.elements(of: candidates)
    guard let candidate = all.next() else { return .pieces([]) }
    return .pieces(read(candidate: candidate, scanner, now: now))
  }

  /// Names from the upstream are kept short.
  private func note(
    _ value: JSONSlice, _ scanner: borrowing JSONScanner, in field: inout String
  ) {
    guard let text = scanner.decoded(value), !text.isEmpty else { return }
    field = String(text.prefix(128))
  }

  private mutating func read(
    candidate: JSONSlice, _ scanner: borrowing JSONScanner, now: Timestamp
  ) -> [Piece] {
    var pieces: [Piece] = []
    var members = scanner.members(of: candidate)
    while let member = members.next() {
      switch scanner.decoded(member.name) {
      case "content":
        var parts = scanner.elements(of: scanner.member("parts", of: member.value))
        while let part = parts.next() { read(part: part, scanner, now: now, into: &pieces) }
      case "finishReason": finishReason = scanner.decoded(member.value) ?? finishReason
      case "groundingMetadata": grounding.read(member.value, scanner)
      default: break
      }
    }
    return pieces
  }

  private mutating func read(
    part: JSONSlice, _ scanner: borrowing JSONScanner, now: Timestamp, into pieces: inout [Piece]
  ) {
    var text: JSONSlice?
    var isThought = false
    var signature: JSONSlice?
    var call: JSONSlice?
    var members = scanner.members(of: part)
    while let member = members.next() {
      switch scanner.decoded(member.name) {
      case "text": if member.value.kind == .string { text = member.value }
      case "thought": isThought = scanner.bool(member.value) == true
      case "thoughtSignature":
        if member.value.kind == .string, !member.value.isEmptyString { signature = member.value }
      case "functionCall": call = member.value
      default: break
      }
    }
    if let call {
      read(call: call, signature, scanner, now: now, into: &pieces)
      return
    }
    if let text, !text.isEmptyString {
      noteContent(scanner.decodedByteCount(text) ?? 0)
      pieces.append(isThought ? .thinking(text) : .text(text))
      isThinking = isThought
    }
    guard let signature else { return }
    if isThinking, isThought || text?.isEmptyString ?? true {
      pieces.append(.signature(signature))
      isThinking = false
    } else if let id = unsignedCall, let text = scanner.decoded(signature) {
      signatures.remember(text, for: id, now: now)
      unsignedCall = nil
    }
  }

  private mutating func read(
    call: JSONSlice, _ signature: JSONSlice?, _ scanner: borrowing JSONScanner, now: Timestamp,
    into pieces: inout [Piece]
  ) {
    guard let name = scanner.member("name", of: call), name.kind == .string, !name.isEmptyString
    else { return }
    let member = scanner.member("args", of: call)
    let arguments = member?.kind == .object ? member : nil
    let id = ids.toolUse()
    if let signature, let text = scanner.decoded(signature) {
      signatures.remember(text, for: id, now: now)
    } else if !hasCalls {
      unsignedCall = id
    }
    hasCalls = true
    isThinking = false
    noteContent(arguments?.range.count ?? 2)
    pieces.append(.call(id: id, name: name, arguments: arguments))
  }

  private mutating func noteContent(_ bytes: Int) {
    contentBytes += bytes
    hasContent = true
  }
}
