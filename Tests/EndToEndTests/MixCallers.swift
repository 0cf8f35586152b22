// Callers of every kind: those that stream, those that leave, slow ones, wrong ones, with whatever
// the dice say next. Every answer that came whole is kept, to be looked for in the books.
import Base
import Foundation
import TestSupport

/// What one kind of caller does.
enum MixAction: CaseIterable {
  case message, stream, leaveStream, leaveEarly, slowStream, warmup, tooLong, count, look, wrong

  /// Of a hundred requests.
  var share: Int {
    switch self {
    case .message: 30
    case .stream: 28
    case .leaveStream: 8
    case .leaveEarly: 6
    case .slowStream: 3
    case .warmup: 5
    case .tooLong: 4
    case .count: 4
    case .look: 6
    case .wrong: 6
    }
  }

  static func drawn(_ random: inout SplitMix) -> MixAction {
    var rest = Int(random.next() % 100)
    for action in allCases {
      if rest < action.share { return action }
      rest -= action.share
    }
    return .message
  }
}

/// One caller after another on one thread, until the time is over.
struct MixCaller {
  let port: UInt16
  let keys: [MixKey]
  var random: SplitMix
  var seen = Seen()
  var statuses: [Int: Int] = [:]

  mutating func run(until deadline: MonotonicTime) throws {
    let clock = SystemMonotonicClock()
    while clock.now < deadline { try once() }
  }

  private mutating func once() throws {
    let action = MixAction.drawn(&random)
    switch action {
    case .message, .stream:
      try ask(any(), isStream: action == .stream)
    case .tooLong:
      try ask(key(of: "faults"), model: "sandbox-too-long", isStream: random.next() % 2 == 0)
    case .warmup:
      try ask(key(of: "warm"), isStream: random.next() % 2 == 0, text: "Warmup")
    case .leaveStream: try leave(isStream: true, pieces: Int(random.next() % 12))
    case .leaveEarly: try leave(isStream: random.next() % 2 == 0, pieces: 0)
    case .slowStream: try readSlowly()
    case .count:
      let key = any()
      let path = key.path + "/count_tokens"
      note(try exchange(request(key, path: path, body: body(key, isStream: false, text: "hi"))))
    case .look:
      let path = ["/v1/usage", "/v1/models", "/healthz", "/readyz"][Int(random.next() % 4)]
      note(try exchange("GET \(path) HTTP/1.1\r\n\(head(any()))\r\n"))
    case .wrong: try beWrong()
    }
  }

  // MARK: What they do

  private mutating func ask(
    _ key: MixKey, model: String? = nil, isStream: Bool, text: String? = nil
  ) throws {
    let body = body(key, model: model, isStream: isStream, text: text ?? words())
    let answer = try exchange(request(key, body: body))
    note(answer)
    if let (id, tokens) = answer.message() {
      if !id.hasPrefix("msg_mock_") { seen.complete[id] = tokens }
    } else if answer.status == 200 {
      seen.interrupted += 1
    }
  }

  /// Leaves after some pieces of the answer, with a reset or an orderly end.
  private mutating func leave(isStream: Bool, pieces: Int) throws {
    let key = any()
    let socket = try RawSocket.connect(port: port, timeoutSeconds: 60)
    try socket.send(request(key, body: body(key, isStream: isStream, text: words())))
    for _ in 0..<pieces where try socket.receive().isEmpty { break }
    if random.next() % 2 == 0 { socket.reset() } else { socket.shutdownSending() }
  }

  private mutating func readSlowly() throws {
    let key = any()
    let socket = try RawSocket.connect(port: port, receiveBuffer: 4096, timeoutSeconds: 60)
    try socket.send(request(key, body: body(key, isStream: true, text: words())))
    var answer = CrashAnswer()
    let (clock, bell) = (SystemMonotonicClock(), Doorbell())
    while true {
      let bytes = try socket.receive()
      if bytes.isEmpty { break }
      answer.bytes += bytes
      let pause = Int(random.next() % 20)
      if answer.bytes.count < 8_192 { bell.wait(until: clock.now.advanced(milliseconds: pause)) }
    }
    note(answer)
    if let (id, tokens) = answer.message() { seen.complete[id] = tokens }
  }

  private mutating func beWrong() throws {
    let key = any()
    let bodies = [
      "", "{", #"{"model":""}"#, #"{"model":"claude-opus-5-5","model":"free"}"#, "[]",
      #"{"model":"claude-opus-5-5","max_tokens":-1}"#,
    ]
    switch random.next() % 4 {
    case 0:
      let wrong = MixKey(key: "sk-nobody", group: "", models: key.models)
      note(try exchange(request(wrong, body: body(key, isStream: false, text: "hi"))))
    case 1: note(try exchange("GET /v1/messages HTTP/1.1\r\n\(head(key))\r\n"))
    case 2:
      // Breaks off in the middle of its body.
      let socket = try RawSocket.connect(port: port)
      try socket.send(String(request(key, body: body(key, isStream: true, text: "hi")).dropLast(9)))
      socket.reset()
    default: note(try exchange(request(key, body: bodies[Int(random.next() % 6)])))
    }
  }

  // MARK: How they speak

  private mutating func any() -> MixKey { keys[Int(random.next() % UInt64(keys.count))] }
  private func key(of group: String) -> MixKey { keys.first { $0.group == group } ?? keys[0] }

  private mutating func words() -> String {
    String(repeating: "word ", count: Int(1 + random.next() % 300))
  }

  private mutating func body(
    _ key: MixKey, model: String? = nil, isStream: Bool, text: String
  ) -> String {
    let model = model ?? key.models[Int(random.next() % UInt64(key.models.count))]
    let mark = random.next() % 3 == 0 ? #","cache_control":{"type":"ephemeral"}"# : ""
    let session = random.next() % 20
    return """
      {"model":"\(model)","max_tokens":\(8 + random.next() % 200),"stream":\(isStream),
      "metadata":{"user_id":"{\\"session_id\\":\\"session \(session)\\"}"},
      "messages":[{"role":"user","content":[{"type":"text","text":"\(text)"\(mark)}]}]}
      """
  }
  private func head(_ key: MixKey) -> String {
    "host: x\r\nx-api-key: \(key.key)\r\nconnection: close\r\n"
  }
  private func request(_ key: MixKey, path: String? = nil, body: String) -> String {
    "POST \(path ?? key.path) HTTP/1.1\r\n\(head(key))content-type: application/json\r\n"
      + "content-length: \(body.utf8.count)\r\n\r\n\(body)"
  }
  private func exchange(_ text: String) throws -> CrashAnswer {
    let socket = try RawSocket.connect(port: port, timeoutSeconds: 60)
    try socket.send(text)
    return CrashAnswer(bytes: try socket.receiveAll())
  }
  private mutating func note(_ answer: CrashAnswer) {
    statuses[answer.status ?? 0, default: 0] += 1
    let expected: Set = [200, 400, 401, 403, 404, 405, 413, 429, 500, 502, 503]
    if !expected.contains(answer.status ?? 0) {
      seen.unexpected.append(String(decoding: answer.bytes.prefix(400), as: UTF8.self))
    }
  }
}
