// An HTTP answer read to the connection's end, taken apart for tests.
import Base

/// An answer as it came: head, body without its chunks, and whether it was whole.
public struct Received: Sendable {
  public private(set) var status = 0
  public private(set) var head = ""
  public private(set) var body: [UInt8] = []
  public private(set) var chunkSizes: [Int] = []
  /// The body had its announced length or its last chunk.
  public private(set) var isWhole = false

  public var text: String { String(decoding: body, as: UTF8.self) }
  public var json: JSONValue? { try? JSONParser().parse(body) }
  /// The data of each event of a stream.
  public var events: [JSONValue] {
    // A CR before the LF is white space to the parser.
    body.split(separator: 10).filter { $0.starts(with: "data: ".utf8) }
      .compactMap { try? JSONParser().parse(Array($0.dropFirst(6))) }
  }

  public init(_ bytes: [UInt8]) {
    guard let end = bytes.indices.first(where: { bytes[$0...].starts(with: "\r\n\r\n".utf8) })
    else {
      return
    }
    head = String(decoding: bytes[..<end], as: UTF8.self)
    status = Int(head.split(separator: " ")[1]) ?? 0
    var rest = bytes[(end + 4)...]
    guard head.contains("transfer-encoding: chunked") else {
      body = Array(rest)
      isWhole = header("content-length") == "\(body.count)"
      return
    }
    while let line = rest.firstIndex(of: 13),
      let size = Int(String(decoding: rest[..<line], as: UTF8.self), radix: 16)
    {
      rest = rest[(line + 2)...]
      if size == 0 { isWhole = true }
      if size == 0 || rest.count < size + 2 { break }
      body += rest.prefix(size)
      chunkSizes.append(size)
      rest = rest.dropFirst(size + 2)
    }
  }
  public func header(_ name: String) -> String? {
    head.split(separator: "\r\n").first { $0.hasPrefix("\(name): ") }
      .map { String($0.dropFirst(name.count + 2)) }
  }
}
