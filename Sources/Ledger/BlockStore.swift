// Where blocks go and come from. Segments in a directory are the first implementation; a cluster
// gives others. Blocks arrive one at a time, in order, from one thread.

/// What became of a block that was given to a store.
enum BlockOutcome: Equatable, Sendable {
  /// It survives power loss.
  case durable
  /// It is not there; the same block may be given again. Why.
  case failed(String)
  /// Nobody knows whether it is there. Nothing may be appended any more. Why.
  case unknown(String)
}

protocol BlockStore: ~Copyable {
  /// Whether blocks must be padded to a multiple of `BlockHeader.alignment`.
  var alignsBlocks: Bool { get }
  /// Appends a block, durably. `header` is the decoded header of `block`.
  mutating func append(_ block: Span<UInt8>, header: BlockHeader) -> BlockOutcome
  /// Ends writing in good order.
  mutating func close() throws(LedgerError)
}
