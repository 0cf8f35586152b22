// Signed notes (https://c2sp.org/signed-note): a text that ends with a line feed, an empty line,
// and signature lines `— NAME BASE64(key id || signature)`. Keys:
//
//   key id       first 4 bytes of SHA-256(NAME || 0x0A || 0x01 || public key); 0x01 = Ed25519
//   vkey         NAME+HEX(key id)+BASE64(0x01 || public key)
//   signing key  PRIVATE+KEY+NAME+HEX(key id)+BASE64(0x01 || seed)
internal import Base

/// A public key that notes are checked with.
public struct NoteVerifier: Hashable, Sendable {
  /// Not empty, without white space and plus signs.
  public let name: String
  public let keyID: UInt32
  let publicKey: [UInt8]

  static let ed25519: UInt8 = 1

  init(name: String, publicKey: [UInt8]) {
    self.name = name
    self.publicKey = publicKey
    let hash = sha256(Array(name.utf8) + [0x0A, Self.ed25519] + publicKey)
    keyID = hash[0..<4].reduce(0) { $0 << 8 | UInt32($1) }
  }

  /// - Throws: `.tree` when the text is no vkey of an Ed25519 key.
  public init(vkey text: String) throws(LedgerError) {
    let parts = text.split(separator: "+", maxSplits: 2, omittingEmptySubsequences: false)
    func bad(_ why: String) -> LedgerError {
      .tree("this is no verifier key such as NAME+1a2b3c4d+BASE64: \(why)")
    }
    guard parts.count == 3, NoteSigner.isName(parts[0]) else {
      throw bad("it has no name, key id and key between plus signs")
    }
    guard let key = Base64.decode(parts[2]), key.count == 1 + Ed25519.keyLength,
      key[0] == Self.ed25519
    else { throw bad("the key is not one of Ed25519 in base64") }
    self.init(name: String(parts[0]), publicKey: Array(key[1...]))
    guard parts[1] == Self.hex(keyID) else { throw bad("the key id is not the key's") }
  }

  public var vkey: String {
    "\(name)+\(Self.hex(keyID))+\(Base64.encode([Self.ed25519] + publicKey))"
  }

  static func hex(_ keyID: UInt32) -> String {
    let digits = String(keyID, radix: 16)
    return String(repeating: "0", count: 8 - digits.count) + digits
  }
}

/// A private key that signs notes.
public struct NoteSigner: Sendable {
  public let verifier: NoteVerifier
  private let seed: [UInt8]

  public init(name: String, seed: [UInt8]) {
    precondition(Self.isName(name) && seed.count == Ed25519.seedLength)
    self.seed = seed
    verifier = NoteVerifier(name: name, publicKey: Ed25519.publicKey(ofSeed: seed))
  }

  /// - Throws: `.tree` when the text is no signing key.
  public init(text: String) throws(LedgerError) {
    let line = text.hasSuffix("\n") ? String(text.dropLast()) : text
    let parts = line.split(separator: "+", maxSplits: 4, omittingEmptySubsequences: false)
    guard parts.count == 5, parts[0] == "PRIVATE", parts[1] == "KEY", Self.isName(parts[2]),
      let key = Base64.decode(parts[4]), key.count == 1 + Ed25519.seedLength,
      key[0] == NoteVerifier.ed25519
    else { throw .tree("this is no signing key: PRIVATE+KEY+NAME+ID+BASE64 is expected") }
    self.init(name: String(parts[2]), seed: Array(key[1...]))
    guard parts[3] == NoteVerifier.hex(verifier.keyID) else {
      throw .tree("the signing key's id is not the key's: it was changed")
    }
  }

  /// What `init(text:)` reads: a secret.
  public var text: String {
    "PRIVATE+KEY+\(verifier.name)+\(NoteVerifier.hex(verifier.keyID))+"
      + Base64.encode([NoteVerifier.ed25519] + seed) + "\n"
  }

  /// Signs a text that ends with a line feed.
  public func sign(_ text: String) -> String {
    precondition(text.hasSuffix("\n"), "the text of a note ends with a line feed")
    let signature = Ed25519.sign(Array(text.utf8), seed: seed)
    let id = (0..<4).map { UInt8(truncatingIfNeeded: verifier.keyID >> UInt32(24 - 8 * $0)) }
    return "\(text)\n\u{2014} \(verifier.name) \(Base64.encode(id + signature))\n"
  }

  static func isName(_ name: some StringProtocol) -> Bool {
    !name.isEmpty && !name.contains { $0 == "+" || $0.isWhitespace || $0.isNewline }
  }
}

/// A note whose signature by a known key is right.
public struct SignedNote: Sendable {
  /// The text that was signed.
  public let text: String

  /// Longest note that is looked at, in bytes.
  public static let greatestLength = 65_536

  /// - Throws: `.tree` when it is no note, or has no valid signature of `verifier`. Signatures of
  ///   others are passed over, a wrong one of this key is not.
  public init(_ note: String, by verifier: NoteVerifier) throws(LedgerError) {
    guard note.utf8.count <= Self.greatestLength else {
      throw .tree("the signed note has more than \(Self.greatestLength) bytes")
    }
    // The last empty line ends the text: texts may hold empty lines themselves.
    let bytes = Array(note.utf8)
    guard bytes.last == 0x0A,
      let end = bytes.indices.dropLast().last(where: { bytes[$0] == 0x0A && bytes[$0 + 1] == 0x0A })
    else { throw .tree("this is no signed note: the empty line before the signatures is missing") }
    guard !bytes.contains(where: { $0 < 0x20 && $0 != 0x0A }) else {
      throw .tree("this is no signed note: it holds control characters")
    }
    text = String(decoding: bytes[...end], as: UTF8.self)
    let lines = String(decoding: bytes[(end + 2)...], as: UTF8.self).split(separator: "\n")
    var isSigned = false
    for line in lines {
      let parts = line.split(separator: " ", omittingEmptySubsequences: false)
      guard parts.count == 3, parts[0] == "\u{2014}", NoteSigner.isName(parts[1]),
        let signature = Base64.decode(parts[2]), signature.count > 4
      else { throw .tree("this is no signed note: a signature line is malformed") }
      let id = signature[0..<4].reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
      guard parts[1] == verifier.name, id == verifier.keyID, !isSigned else { continue }
      guard
        Ed25519.isValid(
          Array(signature[4...]), of: Array(bytes[...end]), publicKey: verifier.publicKey)
      else { throw .tree("the signature of \(verifier.name) is wrong: the note was changed") }
      isSigned = true
    }
    guard isSigned else { throw .tree("the note is not signed by \(verifier.vkey)") }
  }
}
