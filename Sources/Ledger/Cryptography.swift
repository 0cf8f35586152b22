// SHA-256, Ed25519 and random bytes: the ledger's one door to OpenSSL's libcrypto.
internal import CCrypto

/// A running SHA-256 (FIPS 180-4).
@safe final class SHA256 {
  private let context: OpaquePointer

  init() {
    guard let made = unsafe EVP_MD_CTX_new(), unsafe EVP_DigestInit_ex(made, EVP_sha256(), nil) == 1
    else { preconditionFailure("libcrypto offers no SHA-256") }
    unsafe context = made
  }

  deinit { unsafe EVP_MD_CTX_free(context) }

  func update(_ bytes: Span<UInt8>) {
    let result = unsafe bytes.withUnsafeBytes {
      unsafe EVP_DigestUpdate(context, $0.baseAddress, $0.count)
    }
    precondition(result == 1, "libcrypto failed to hash")
  }

  /// The 32 bytes. Call it once.
  func finish() -> [UInt8] {
    var digest = [UInt8](repeating: 0, count: 32)
    precondition(unsafe EVP_DigestFinal_ex(context, &digest, nil) == 1, "libcrypto failed to hash")
    return digest
  }

  static func hash(_ bytes: Span<UInt8>) -> [UInt8] {
    let hash = SHA256()
    hash.update(bytes)
    return hash.finish()
  }
}

/// Bytes from libcrypto's generator, fit for keys and identifiers.
public func secureRandomBytes(_ count: Int) -> [UInt8] {
  var bytes = [UInt8](repeating: 0, count: count)
  precondition(unsafe RAND_bytes(&bytes, Int32(count)) == 1, "libcrypto has no randomness")
  return bytes
}

/// SHA-256 of some bytes: 32 bytes.
public func sha256(_ bytes: [UInt8]) -> [UInt8] { SHA256.hash(bytes.span) }

/// Hashes of the Merkle tree (RFC 6962, section 2.1), into the 32 bytes of `out`.
enum TreeHashing {
  typealias Words = (UInt64, UInt64, UInt64, UInt64)

  /// SHA-256(0x00 || record).
  static func leaf(_ record: Span<UInt8>, into out: inout Words) {
    unsafe record.withUnsafeBytes { record in
      unsafe withUnsafeMutableBytes(of: &out) { out in
        unsafe dbk_sha256_tagged(
          0, record.baseAddress?.assumingMemoryBound(to: UInt8.self), record.count,
          out.baseAddress!.assumingMemoryBound(to: UInt8.self))
      }
    }
  }

  /// SHA-256(0x01 || left || right).
  static func node(_ left: Words, _ right: Words, into out: inout Words) {
    unsafe withUnsafeBytes(of: left) { left in
      unsafe withUnsafeBytes(of: right) { right in
        unsafe withUnsafeMutableBytes(of: &out) { out in
          unsafe dbk_sha256_node(
            left.baseAddress!.assumingMemoryBound(to: UInt8.self),
            right.baseAddress!.assumingMemoryBound(to: UInt8.self),
            out.baseAddress!.assumingMemoryBound(to: UInt8.self))
        }
      }
    }
  }
}

/// Signatures (RFC 8032).
enum Ed25519 {
  static let seedLength = 32
  static let keyLength = 32
  static let signatureLength = 64

  /// The public key of a private one.
  static func publicKey(ofSeed seed: [UInt8]) -> [UInt8] {
    precondition(seed.count == seedLength, "a private key has 32 bytes")
    return unsafe withKey(privateSeed: seed) { key in
      var bytes = [UInt8](repeating: 0, count: keyLength)
      var count = keyLength
      precondition(
        unsafe EVP_PKEY_get_raw_public_key(key, &bytes, &count) == 1 && count == keyLength,
        "libcrypto gave no public key")
      return bytes
    }
  }

  static func sign(_ message: [UInt8], seed: [UInt8]) -> [UInt8] {
    unsafe withKey(privateSeed: seed) { key in
      guard let context = unsafe EVP_MD_CTX_new() else {
        preconditionFailure("libcrypto has no memory")
      }
      defer { unsafe EVP_MD_CTX_free(context) }
      var signature = [UInt8](repeating: 0, count: signatureLength)
      var count = signatureLength
      precondition(
        unsafe EVP_DigestSignInit(context, nil, nil, nil, key) == 1
          && EVP_DigestSign(context, &signature, &count, message, message.count) == 1
          && count == signatureLength, "libcrypto failed to sign")
      return signature
    }
  }

  /// False for a wrong signature, and for a key or signature of another length.
  static func isValid(_ signature: [UInt8], of message: [UInt8], publicKey: [UInt8]) -> Bool {
    guard signature.count == signatureLength, publicKey.count == keyLength,
      let key = unsafe EVP_PKEY_new_raw_public_key(
        EVP_PKEY_ED25519, nil, publicKey, publicKey.count)
    else { return false }
    defer { unsafe EVP_PKEY_free(key) }
    guard let context = unsafe EVP_MD_CTX_new() else { return false }
    defer { unsafe EVP_MD_CTX_free(context) }
    return unsafe EVP_DigestVerifyInit(context, nil, nil, nil, key) == 1
      && EVP_DigestVerify(context, signature, signature.count, message, message.count) == 1
  }

  private static func withKey<Result>(
    privateSeed seed: [UInt8], _ body: (OpaquePointer) -> Result
  ) -> Result {
    guard
      let key = unsafe EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nil, seed, seed.count)
    else { preconditionFailure("libcrypto offers no Ed25519") }
    defer { unsafe EVP_PKEY_free(key) }
    return unsafe body(key)
  }
}
