// libFuzzer's entry: bytes as a caller might send them, through the request parser and the body
// decoder, whole and cut into pieces. They must never trap, and both readings must be the same.
//
// The first byte of an input chooses how the rest is cut.

import HTTP

@c(LLVMFuzzerTestOneInput)
public func fuzzRequest(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  guard let start, count > 1 else { return 0 }
  let input = Array(UnsafeBufferPointer(start: start, count: count))
  let bytes = Array(input[1...])
  let whole = RequestReading.describe(bytes, pieces: bytes.count)
  let cut = RequestReading.describe(bytes, pieces: Int(input[0] % 37) + 1)
  precondition(whole == cut, "the reading depends on the cuts:\n\(whole)\n\(cut)")
  return 0
}
