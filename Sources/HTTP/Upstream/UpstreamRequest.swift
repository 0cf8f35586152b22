// What is asked of an upstream.

import CCurl
import Glibc

/// Header fields for an upstream, in libcurl's form. Immutable, so a set made once may serve many
/// requests on all reactors.
@safe public final class UpstreamHeaders: @unchecked Sendable {
  let list: UnsafeMutablePointer<curl_slist>?

  /// Fields whose name is not a token or whose value holds a control character are left out. Fields
  /// libcurl would add by itself (Expect, Accept, Content-Type) are not sent unless named here.
  public init(_ fields: [(name: String, value: String)]) {
    var list: UnsafeMutablePointer<curl_slist>?
    var names: Set<String> = []
    func append(_ line: String) {
      guard let longer = unsafe curl_slist_append(list, line) else { return }
      unsafe list = longer
    }
    for (name, value) in fields where Self.isField(name, value) {
      // libcurl drops "name:" without a value; "name;" sends it empty.
      append(value.isEmpty ? "\(name);" : "\(name): \(value)")
      names.insert(String(decoding: name.utf8.map { lowercased($0) }, as: UTF8.self))
    }
    for name in ["expect", "accept", "content-type"] where !names.contains(name) {
      append("\(name):")
    }
    unsafe self.list = list
  }
  deinit { unsafe curl_slist_free_all(list) }

  private static func isField(_ name: String, _ value: String) -> Bool {
    if name.isEmpty || !name.utf8.allSatisfy({ isToken($0) }) { return false }
    return value.utf8.allSatisfy { ($0 >= 32 || $0 == 9) && $0 != 127 }
  }
}

/// A request to an upstream.
public struct UpstreamRequest: Sendable {
  /// http or https; nothing in it is rewritten, redirects are not followed.
  public var url: String
  public var method: Method
  public var headers: UpstreamHeaders
  public var body: [UInt8]
  /// The URL of a proxy, nil for none (the environment's is never used).
  public var proxy: String?
  /// Whether the upstream's certificate must be valid. False is for tests.
  public var verifiesTLS = true
  /// Until the connection stands, TLS included.
  public var connectMilliseconds = 10_000
  /// From the start until the answer's head is complete.
  public var firstByteMilliseconds = 600_000
  /// Between two pieces of the answer's body, while we are willing to read.
  public var gapMilliseconds = 180_000
  /// What of the answer is kept while nobody takes it: reading pauses above, goes on once it has
  /// been taken.
  public var bufferBytes = 64 * 1024

  public init(
    url: String, method: Method = .post, headers: UpstreamHeaders, body: [UInt8] = [],
    proxy: String? = nil
  ) {
    self.url = url
    self.method = method
    self.headers = headers
    self.body = body
    self.proxy = proxy
  }
}

/// The head of an upstream's answer.
public struct UpstreamHead: Sendable {
  public let status: Int
  public let headers: HeaderFields
}

/// Why a transfer failed.
public struct TransferFailure: Error, Sendable, CustomStringConvertible {
  public enum Kind: Sendable {
    /// No connection: name not found, refused, unreachable, no answer in time.
    case connect
    /// The secured connection could not be made, or the certificate is not to be trusted.
    case tls
    /// No head, or no further piece of the body, in time.
    case timeout
    /// The connection ended before the answer did.
    case cut
    /// What came is not HTTP, or its head is too large, or the request cannot be made.
    case malformed
    /// `cancel` was called, or the reactor stopped.
    case cancelled
  }
  public let kind: Kind
  public let message: String
  /// Bytes of the request that had left by then, its head included; 0: the upstream cannot have
  /// seen anything of it.
  public let sentBytes: Int

  public var description: String { message }
}
