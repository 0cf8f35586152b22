// libFuzzer's entry: bytes as an upstream might stream them, through the event scanner, whole and
// cut into pieces. It must never trap, give the same events both ways, and lose none of the bytes
// between.
//
// The first byte of an input chooses how the rest is cut.

import HTTP

@c(LLVMFuzzerTestOneInput)
public func fuzzEvents(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  guard let start, count > 1 else { return 0 }
  let input = Array(UnsafeBufferPointer(start: start, count: count))
  let bytes = Array(input[1...])
  // A byte behind the end settles whether a CR there is a line end by itself.
  let whole = scan(bytes + [120], pieces: bytes.count + 1)
  let cut = scan(bytes + [120], pieces: Int(input[0] % 37) + 1)
  precondition(whole == cut, "the events depend on the cuts:\n\(whole)\n\(cut)")
  return 0
}

private func scan(_ bytes: [UInt8], pieces: Int) -> [[UInt8]] {
  var scanner = EventScanner(limit: 1000)
  var seen: [[UInt8]] = []
  var rest = bytes[...]
  while !rest.isEmpty {
    let piece = rest.prefix(pieces)
    scanner.append(piece)
    rest = rest.dropFirst(piece.count)
    do {
      while let event = try scanner.next() {
        seen += [event.name, event.data, event.raw].map(Array.init)
      }
    } catch {
      return seen
    }
  }
  return seen + [Array(scanner.remainder)]
}
