// SHA-256 by OpenSSL: the one file of the gateway that uses libcrypto. Keys are looked up by hash.
import CCrypto

/// SHA-256 (FIPS 180-4) of `bytes`: 32 bytes.
func sha256(_ bytes: some Collection<UInt8>) -> [UInt8] {
  let input = Array(bytes)
  var digest = [UInt8](repeating: 0, count: 32)
  _ = unsafe input.withUnsafeBufferPointer { source in
    unsafe digest.withUnsafeMutableBufferPointer { target in
      unsafe SHA256(source.baseAddress, source.count, target.baseAddress)
    }
  }
  return digest
}
