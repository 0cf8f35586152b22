// The head of an answer, as bytes.

import Base
import Glibc

/// No SIGPIPE when the other side is gone.
let sendFlags = Int32(MSG_NOSIGNAL)

/// How an answer's body is delimited.
enum AnswerFraming {
  case length(Int)
  case chunked
  /// Ends with the connection: HTTP/1.0.
  case untilClose
  /// No body and no length: 204, 304.
  case none
}

enum AnswerHead {
  static func bytes(
    status: Int, headers: ResponseHeaders, length: Int, date: [UInt8], closes: Bool,
    showsKeepAlive: Bool
  ) -> [UInt8] {
    var bytes: [UInt8] = []
    append(
      to: &bytes, status: status, headers: headers, framing: .length(length), date: date,
      closes: closes, showsKeepAlive: showsKeepAlive)
    return bytes
  }

  static func append(
    to output: inout [UInt8], status: Int, headers: ResponseHeaders, framing: AnswerFraming,
    date: [UInt8], closes: Bool, showsKeepAlive: Bool
  ) {
    append("HTTP/1.1 ", to: &output)
    appendNumber(status, to: &output)
    output.append(32)
    output.append(contentsOf: reasonPhrase(status).utf8)
    output.append(13)
    output.append(10)
    output.append(contentsOf: date)
    output.append(contentsOf: headers.bytes)
    switch framing {
    case .length(let length):
      append("content-length: ", to: &output)
      appendNumber(length, to: &output)
      output.append(13)
      output.append(10)
    case .chunked: append("transfer-encoding: chunked\r\n", to: &output)
    case .untilClose, .none: break
    }
    if closes {
      append("connection: close\r\n", to: &output)
    } else if showsKeepAlive {
      append("connection: keep-alive\r\n", to: &output)
    }
    output.append(13)
    output.append(10)
  }
  static func append(_ text: StaticString, to output: inout [UInt8]) {
    text.withUTF8Buffer { unsafe output.append(contentsOf: $0) }
  }
  static func appendNumber(_ value: Int, to output: inout [UInt8]) {
    output.append(decimal: value)
  }
  /// A chunk's size line.
  static func appendChunkSize(_ size: Int, to output: inout [UInt8]) {
    var shift = (Int.bitWidth - 1 - size.leadingZeroBitCount) / 4 * 4
    while shift >= 0 {
      let digit = UInt8(truncatingIfNeeded: size >> shift & 15)
      output.append(digit < 10 ? 48 + digit : 87 + digit)
      shift -= 4
    }
    output.append(13)
    output.append(10)
  }
}
