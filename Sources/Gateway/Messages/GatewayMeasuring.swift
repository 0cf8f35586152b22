// What benchmarks of this package may call of the gateway's insides.

package enum GatewayMeasuring {
  /// Reads a Messages body as a request does.
  /// - Returns: whether the request would go on.
  package static func accepts(_ body: [UInt8]) -> Bool { (try? MessagesCall(body)) != nil }
}
