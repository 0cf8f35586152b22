// SHA-256 and random bytes: the ledger's one door to OpenSSL's libcrypto.
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
