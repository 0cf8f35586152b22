// One header or trailer field line, and the values whose form matters to the HTTP layer.

/// A field line: token ":" OWS value OWS (RFC 9112 section 5). No space before the colon, no
/// continuation lines, no control characters but tab in the value.
func parseField(
  _ b: borrowing Span<UInt8>, _ start: Int, _ end: Int
) throws(Refused) -> HeaderFields.Range {
  var i = start
  while i < end && isToken(b[i]) { i += 1 }
  if i == start || i >= end || b[i] != 58 { throw Refused(400, "malformed header field name") }
  let nameEnd = i
  var value = i + 1, valueEnd = end
  while value < valueEnd && (b[value] == 32 || b[value] == 9) { value += 1 }
  while valueEnd > value && (b[valueEnd - 1] == 32 || b[valueEnd - 1] == 9) { valueEnd -= 1 }
  i = value
  while i < valueEnd {
    if (b[i] < 32 && b[i] != 9) || b[i] == 127 {
      throw Refused(400, "control character in a header field")
    }
    i += 1
  }
  return HeaderFields.Range(
    name: Int32(start), nameEnd: Int32(nameEnd), value: Int32(value), valueEnd: Int32(valueEnd))
}

/// A Content-Length: digits only (RFC 9110 section 8.6). More than fits any machine is 413.
func parseLength(
  _ b: borrowing Span<UInt8>, _ start: Int, _ end: Int
) throws(Refused) -> Int {
  if start == end { throw Refused(400, "Content-Length is empty") }
  var value = 0
  for i in start..<end {
    if b[i] < 48 || b[i] > 57 { throw Refused(400, "Content-Length is not a number") }
    let (tens, over) = value.multipliedReportingOverflow(by: 10)
    let (sum, more) = tens.addingReportingOverflow(Int(b[i] - 48))
    if over || more { throw Refused(413, "Content-Length is too large") }
    value = sum
  }
  return value
}

/// A character of Host = uri-host [ ":" port ] (RFC 9110 section 7.2), less the comma, which would
/// hide a second host.
func isHostCharacter(_ c: UInt8) -> Bool {
  switch c {
  case 97...122, 65...90, 48...58: true
  case 33, 36...43, 45, 46, 59, 61, 91, 93, 95, 126: true
  default: false
  }
}
