// The record file: one JSON line for each answered request for an answer, in the file before the
// last byte of the answer leaves. Tests and books are checked against it.
//
//   {"message_id":"msg_01...","model":"...","usage":{...},"status":200,"complete":true}
//
// message_id is a message's id or Google's responseId. usage is Anthropic's object as the caller
// should be billed, for Google's too; null when nothing is to be billed:
// errors, answers without usage numbers, streams that broke before their first content, JSON cut
// short. complete says that the whole answer, message or error, was about to be sent. An answer of
// which the first byte was never sent has no line.

import Base
import Synchronization

/// Appends lines to the record file. Any thread.
final class Recorder: Sendable {
  private struct State {
    var file: any File
    var size: Int
  }
  private let state: Mutex<State>

  /// Opens the file, or makes it; lines are added behind what it holds.
  init(path: String, fileSystem: some FileSystem) throws {
    do {
      let file = try fileSystem.open(path, .create)
      guard try file.lock(.exclusive) else {
        throw SandboxOptionError("--record: another sandbox writes to \(path); choose another file")
      }
      state = Mutex(State(file: file, size: try file.size()))
    } catch let error as FileError {
      throw SandboxOptionError("--record: \(error)")
    }
  }
  /// Returns when the line is in the file.
  func add(_ record: AnswerRecord) throws(FileError) {
    var line = record.line
    line.append(0x0A)
    try state.withLock { state throws(FileError) in
      try state.file.writeFully(line.span, at: state.size)
      state.size += line.count
    }
  }
}

/// What the record file says of one answer.
struct AnswerRecord: Sendable {
  var messageID: String?
  var model: String?
  var usage: Usage?
  var status: Int
  var isComplete: Bool

  var line: [UInt8] {
    var writer = JSONWriter()
    writer.beginObject()
    writer.name("message_id")
    if let messageID { writer.string(messageID) } else { writer.null() }
    writer.name("model")
    if let model { writer.string(model) } else { writer.null() }
    writer.name("usage")
    if let usage { usage.write(to: &writer) } else { writer.null() }
    writer.member("status", status)
    writer.member("complete", isComplete)
    writer.endObject()
    return writer.bytes
  }
}
