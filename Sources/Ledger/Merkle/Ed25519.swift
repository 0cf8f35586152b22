// Signatures (RFC 8032, Ed25519) by OpenSSL's libcrypto.
internal import CCrypto

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
