// Signed notes and heads: the known example of the note format, and all that must be refused.
import Base
import Testing

@testable import Ledger

@Suite struct SignedNoteTests {
  private static let vkey =
    "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
  private static let key =
    "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
  private static let text = """
    If you think cryptography is the answer to your problem,
    then you don't know what your problem is.

    """
  private static let signature = """
    \u{2014} PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngo\
    tpRZb6KE6RyyBwJnAM=

    """

  @Test func `the example of the note format is signed and read as it stands`() throws {
    let signer = try NoteSigner(text: Self.key)
    #expect(signer.verifier.vkey == Self.vkey)
    #expect(signer.text == Self.key + "\n")
    let note = Self.text + "\n" + Self.signature
    #expect(signer.sign(Self.text) == note)
    #expect(try SignedNote(note, by: NoteVerifier(vkey: Self.vkey)).text == Self.text)
  }

  @Test func `signatures are those of RFC 8032`() throws {
    // Section 7.1, test 2.
    let seed = try #require(
      Hex.decode("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"))
    #expect(
      Hex.encode(Ed25519.publicKey(ofSeed: seed))
        == "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c")
    let signature = Ed25519.sign([0x72], seed: seed)
    #expect(
      Hex.encode(signature)
        == "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
        + "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00")
  }

  @Test func `a note changed anywhere is refused`() throws {
    let verifier = try NoteVerifier(vkey: Self.vkey)
    let note = Array((Self.text + "\n" + Self.signature).utf8)
    for place in note.indices {
      var changed = note
      changed[place] ^= 1
      guard let text = String(validating: changed, as: UTF8.self) else { continue }
      #expect(throws: LedgerError.self, "byte \(place)") { try SignedNote(text, by: verifier) }
    }
    for text in ["", "\n", "\n\n", "a\n\n", Self.text, "a\n\n\u{2014} x\n"] {
      #expect(throws: LedgerError.self) { try SignedNote(text, by: verifier) }
    }
    let long = String(repeating: "x", count: SignedNote.greatestLength) + "\n"
    #expect(throws: LedgerError.self) {
      try SignedNote(long + "\n" + Self.signature, by: verifier)
    }
  }

  @Test func `signatures of other keys are passed over`() throws {
    let verifier = try NoteVerifier(vkey: Self.vkey)
    let other = NoteSigner(name: "other", seed: [UInt8](repeating: 7, count: 32))
    let line = other.sign(Self.text).dropFirst(Self.text.count + 1)
    let note = Self.text + "\n" + line + Self.signature
    #expect(try SignedNote(note, by: verifier).text == Self.text)
    #expect(throws: LedgerError.self) { try SignedNote(Self.text + "\n" + line, by: verifier) }
  }

  @Test func `keys that were mistyped are refused`() {
    for text in [
      "", "a", "a+b", "a+b+c", Self.vkey + "A", Self.vkey.replacing("c74f20a3", with: "c74f20a4"),
      Self.vkey.replacing("ARpc", with: "ASpc"), Self.vkey.replacing("PeterN", with: "Peter N"),
    ] {
      #expect(throws: LedgerError.self, "\(text)") { try NoteVerifier(vkey: text) }
    }
    for text in ["", Self.vkey, Self.key + "A", Self.key.replacing("AYEK", with: "AYEL")] {
      #expect(throws: LedgerError.self, "\(text)") { try NoteSigner(text: text) }
    }
  }

  @Test func `a head is three lines, signed by the log it names`() throws {
    let signer = NoteSigner(name: "log.example/1", seed: [UInt8](repeating: 3, count: 32))
    let head = TreeHead(origin: "log.example/1", size: 20_852_163, root: .emptyRoot)
    #expect(
      head.text == "log.example/1\n20852163\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n")
    let signed = SignedHead(head, signer: signer)
    #expect(try SignedHead(note: signed.note, by: signer.verifier) == signed)
    let stranger = NoteSigner(name: "log.example/2", seed: [UInt8](repeating: 3, count: 32))
    #expect(throws: LedgerError.self) {
      try TreeHead(note: stranger.sign(head.text), by: stranger.verifier)
    }
    let root = Base64.encode(TreeHash.emptyRoot.bytes)
    for text in ["a\n1\n", "a\n01\n\(root)\n", "a\n-1\n\(root)\n", "\n1\n\(root)\n", "a\n1\nx\n"] {
      #expect(throws: LedgerError.self, "\(text)") { try TreeHead(text: text) }
    }
  }

  @Test func `base64 has one spelling`() {
    for count in 0...50 {
      let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 37) }
      #expect(Base64.decode(Base64.encode(bytes)) == bytes)
    }
    for text in [
      "A", "AA", "AAA", "AA=A", "A===", "====", "AB==", "AAB=", "AA==AA==", "A-AA", "AA A",
    ] { #expect(Base64.decode(text) == nil, "\(text)") }
  }
}
