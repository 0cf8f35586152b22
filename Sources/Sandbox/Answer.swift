// One message as the scripted upstream writes it: its blocks in pieces, and what it costs. Pure:
// the same prompt, options and dice give the same answer.

import Base

/// A content block, cut into the pieces in which a stream brings it.
enum Block: Sendable {
  case thinking([Piece], signature: String)
  case text([Piece])
  case toolUse(id: String, name: String, json: [Piece])
  /// A web search that Anthropic does, and what it found.
  case search(id: String, json: [Piece])
  case found(id: String)

  var pieces: [Piece] {
    switch self {
    case .thinking(let pieces, _), .text(let pieces), .toolUse(_, _, let pieces),
      .search(_, let pieces):
      pieces
    case .found: []
    }
  }
}

/// Token counts of one answer.
struct Usage: Hashable, Sendable {
  var input: InputTokens
  /// All output, thoughts included.
  var output: Int
  /// The part of `output` that was thought, shown or not.
  var thoughts = 0
  /// Web searches that have a fee.
  var searches = 0
}

/// Why an answer ends where it ends.
enum Ending: Hashable, Sendable {
  case done
  case toolCall
  case limit
  /// A filter stopped the answer behind some text.
  case safety
  /// A filter stopped the prompt: there is no answer.
  case blocked
}

/// A whole message.
struct Answer: Sendable {
  let wire: Wire
  let form: Form
  let id: String
  let model: String
  let blocks: [Block]
  let usage: Usage
  let ending: Ending
  /// The output count that message_start tells: a few tokens, never more than the final one.
  let firstOutput: Int
  /// What Google signs thoughts and function calls with.
  let signature: String

  /// `ids` makes the identifiers; everything else is decided by the options' seed, the body and the
  /// fate.
  init(to prompt: Prompt, options: SandboxOptions, fate: Fate = .answer, ids: inout Dice) {
    var dice = Dice(seed: options.seed, salt: prompt.digest)
    let count = options.events ?? dice.within(12...60)
    var draft = Draft(prompt: prompt, prose: Prose(dice: Dice(seed: dice.next())))
    switch fate {
    case .blocked: draft.ending = .blocked
    case .safety:
      draft.think()
      draft.write(count: max(1, count / 3), isCountFixed: options.events != nil)
      draft.ending = .safety
    default:
      draft.think()
      if prompt.searches { draft.search(id: "srvtoolu_01" + ids.base62(22)) }
      if let tool = prompt.tool {
        draft.call(tool, id: "toolu_01" + ids.base62(22))
      } else {
        draft.write(count: count, isCountFixed: options.events != nil)
      }
    }
    wire = prompt.wire
    form = prompt.form
    id = prompt.wire.isGoogle ? ids.base62(22) : "msg_01" + ids.base62(22)
    model = prompt.model
    blocks = draft.blocks
    usage = draft.usage
    ending = draft.ending
    signature = draft.signature
    firstOutput = min(draft.usage.output, dice.within(1...4))
  }
}

/// An answer under way.
private struct Draft {
  let prompt: Prompt
  var prose: Prose
  var blocks: [Block] = []
  var ending = Ending.done
  private(set) var signature = ""
  private var thoughts = 0
  private var searches = 0
  /// Tokens of the blocks, and of a thought that is in none.
  private var written = 0
  private var left: Int { prompt.maxTokens - written }

  init(prompt: Prompt, prose: Prose) {
    (self.prompt, self.prose) = (prompt, prose)
  }

  /// A thought takes at most half of the budget, so that words follow it.
  mutating func think() {
    let canThink = prompt.thought != .none && left > 1
    let pieces = canThink ? prose.thought(tokenLimit: left / 2) : []
    if canThink || prompt.wire.isGoogle { signature = prose.signature() }
    thoughts = pieces.reduce(0) { $0 + $1.tokens }
    written = thoughts
    if canThink && prompt.thought == .shown {
      blocks.append(.thinking(pieces, signature: signature))
    }
  }
  mutating func write(count: Int, isCountFixed: Bool) {
    let pieces = prose.answer(count: count, tokenLimit: left, isCountFixed: isCountFixed)
    add(.text(pieces))
    if pieces.count < count || written >= prompt.maxTokens { ending = .limit }
  }
  mutating func call(_ tool: Prompt.Tool, id: String) {
    add(.toolUse(id: id, name: tool.name, json: toolInput(for: tool)))
    ending = written >= prompt.maxTokens ? .limit : .toolCall
  }
  /// Anthropic counts searches; Google counts queries from Gemini 3 on, before that grounded
  /// answers.
  mutating func search(id: String) {
    if prompt.wire.isGoogle {
      searches = prompt.model.hasPrefix("gemini-3") ? WebSearch.queries.count : 1
    } else {
      searches = 1
      add(.search(id: id, json: WebSearch.input))
      blocks.append(.found(id: id))
    }
  }
  private mutating func add(_ block: Block) {
    blocks.append(block)
    written += block.pieces.reduce(0) { $0 + $1.tokens }
  }

  var usage: Usage {
    let output = ending == .blocked ? 0 : min(max(1, written), prompt.maxTokens)
    return Usage(input: prompt.input, output: output, thoughts: thoughts, searches: searches)
  }
}
