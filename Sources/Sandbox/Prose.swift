// What the scripted upstream says: sentences cut into pieces of one to four words, as a model's
// stream brings them. Not only ASCII, so that a piece cut inside a character is met by every test.

/// A piece of an answer and how many tokens it counts for.
struct Piece: Hashable, Sendable {
  var text: String
  var tokens: Int
}

/// Writes answers, thoughts and signatures, decided by the dice alone.
struct Prose {
  private var dice: Dice
  private var words: ArraySlice<Piece> = []

  init(dice: Dice) { self.dice = dice }

  /// The pieces of an answer: `count` of them, fewer only when `tokenLimit` ends them first and
  /// `isCountFixed` is false.
  mutating func answer(count: Int, tokenLimit: Int, isCountFixed: Bool) -> [Piece] {
    words = opening[...]
    return pieces(from: sentences, count: count, tokenLimit: tokenLimit, isCountFixed: isCountFixed)
  }
  /// The pieces of a thought, three to nine of them.
  mutating func thought(tokenLimit: Int) -> [Piece] {
    words = []
    let count = dice.within(3...9)
    return pieces(from: thoughts, count: count, tokenLimit: tokenLimit, isCountFixed: false)
  }
  /// The signature that closes a thought, in the shape of Anthropic's: opaque base64.
  mutating func signature() -> String { "Erc" + dice.base62(dice.within(120...180)) + "==" }

  private mutating func pieces(
    from source: [[Piece]], count: Int, tokenLimit: Int, isCountFixed: Bool
  ) -> [Piece] {
    var pieces: [Piece] = []
    pieces.reserveCapacity(count)
    var left = tokenLimit
    while pieces.count < count, isCountFixed || left > 0 {
      var piece = Piece(text: "", tokens: 0)
      let length = dice.within(1...4)
      for _ in 0..<length where isCountFixed || piece.tokens < left {
        if words.isEmpty { words = source[dice.below(source.count)][...] }
        let word = words.removeFirst()
        if !(pieces.isEmpty && piece.text.isEmpty) { piece.text += " " }
        piece.text += word.text
        piece.tokens += word.tokens
      }
      piece.tokens = isCountFixed ? piece.tokens : min(piece.tokens, left)
      left -= piece.tokens
      pieces.append(piece)
    }
    return pieces
  }
}

/// The words of a sentence. One of up to seven bytes is one token, each further seven one more.
private func words(_ sentence: String) -> [Piece] {
  sentence.split(separator: " ").map {
    Piece(text: String($0), tokens: max(1, ($0.utf8.count + 6) / 7))
  }
}

private let opening = words(
  "This is Daybook's sandbox: a scripted upstream wrote this, no model did.")

private let sentences = [
  "The book of original entry comes first; every other book is copied from it.",
  "A charge that nobody can explain is a charge that nobody will pay.",
  "First the entry, then the total, never the other way round.",
  "In 1494 Luca Pacioli wrote that no one should sleep before the debits equal the credits.",
  "A café in Zürich charges 4,50 € for an espresso — and writes it down twice.",
  "The word “daybook” is older than the word “database” by some three hundred years.",
  "账本 means an account book, and 复式记账 is double entry 📒.",
  "Tokens are counted as they come, and priced by the book of the day.",
  "If two totals differ, keep both until you know why.",
  "Line one is the date,\nline two is the amount,\nand line three is the reason.",
  "Escapes such as \\n, \"quotes\" and <tags> travel unharmed.",
  "A ledger that can be rebuilt from its first line needs no second opinion.",
].map(words)
private let thoughts = [
  "The question is short, so the answer can be short as well.",
  "Let me check the figures before I state them.",
  "There are two readings here; the plain one is more likely.",
  "Nothing in the prompt asks for a tool, plain words will do.",
].map(words)
