// Little-endian integers in bytes: the one way fixed-width fields are read and written.
//
// Inlinable: left to the optimizer, these generic functions were called unspecialized from other
// modules, at ten times the cost.
//
// Reading is a bounds check and one unaligned load. A field outside the bytes is a bug of the
// caller (lengths of outside data are tested before its fields are read), hence a precondition.

import Glibc

extension Span where Element == UInt8 {
  /// The little-endian integer at `offset`; all its bytes must lie inside.
  @inlinable
  public func load<T: FixedWidthInteger & BitwiseCopyable>(_ offset: Int, as type: T.Type = T.self)
    -> T
  {
    let width = MemoryLayout<T>.size
    precondition(offset >= 0 && width <= count && offset <= count - width, "load out of bounds")
    let raw = unsafe bytes
    return unsafe T(littleEndian: raw.unsafeLoadUnaligned(fromByteOffset: offset, as: T.self))
  }
}

extension MutableSpan where Element == UInt8 {
  /// Writes `value` little-endian at `offset`; all its bytes must lie inside.
  @inlinable
  @_lifetime(self: copy self)
  public mutating func store<T: FixedWidthInteger & BitwiseCopyable>(_ value: T, at offset: Int) {
    let width = MemoryLayout<T>.size
    precondition(offset >= 0 && width <= count && offset <= count - width, "store out of bounds")
    var raw = unsafe mutableBytes
    raw.storeBytes(of: value.littleEndian, toByteOffset: offset, as: T.self)
  }
}

extension Array where Element == UInt8 {
  /// The little-endian integer at `offset`; all its bytes must lie inside.
  @inlinable
  public func load<T: FixedWidthInteger & BitwiseCopyable>(_ offset: Int, as type: T.Type = T.self)
    -> T
  {
    span.load(offset, as: type)
  }

  /// Writes `value` little-endian at `offset`; all its bytes must lie inside.
  @inlinable
  public mutating func store<T: FixedWidthInteger & BitwiseCopyable>(_ value: T, at offset: Int) {
    var span = mutableSpan
    span.store(value, at: offset)
  }

  /// Appends `value` little-endian.
  public mutating func append<T: FixedWidthInteger & BitwiseCopyable>(littleEndian value: T) {
    unsafe Swift.withUnsafeBytes(of: value.littleEndian) { unsafe append(contentsOf: $0) }
  }

  /// Appends the UTF-8 bytes of `text`.
  public mutating func append(utf8 text: String) {
    append(contentsOf: text.utf8)
  }

  /// Appends all bytes of `span`.
  public mutating func append(contentsOf span: Span<UInt8>) {
    unsafe span.withUnsafeBufferPointer { unsafe append(contentsOf: $0) }
  }

  /// A copy of `span`.
  public init(_ span: Span<UInt8>) {
    self = unsafe span.withUnsafeBufferPointer { unsafe Array($0) }
  }
}

extension Span where Element == UInt8 {
  /// Equality of all bytes. Not constant in time: see `isEqualInConstantTime`.
  public func isEqual(to other: Span<UInt8>) -> Bool {
    guard count == other.count else { return false }
    for index in indices where self[index] != other[index] { return false }
    return true
  }

  /// Equality with the UTF-8 bytes of `text`.
  public func isEqual(to text: StaticString) -> Bool {
    guard text.hasPointerRepresentation, count == text.utf8CodeUnitCount else { return false }
    return unsafe withUnsafeBufferPointer { bytes in
      guard let start = bytes.baseAddress else { return true }
      return unsafe memcmp(start, text.utf8Start, bytes.count) == 0
    }
  }
}

extension String {
  /// The text of UTF-8 bytes; invalid sequences become U+FFFD.
  public init(repairing span: Span<UInt8>) {
    self = unsafe span.withUnsafeBufferPointer { unsafe String(decoding: $0, as: UTF8.self) }
  }
}
