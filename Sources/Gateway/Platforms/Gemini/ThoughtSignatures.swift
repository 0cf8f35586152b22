// The memory of thought signatures. Gemini signs its function calls and wants the signature back
// with the call; the Messages API has no place for it, so it is kept here under the id of the
// tool_use block (https://ai.google.dev/gemini-api/docs/thought-signatures).
import Base
import Synchronization

/// Bounded in age, count and bytes; the oldest entries go first.
final class ThoughtSignatures: Sendable {
  /// What stands in for a signature that is not known.
  static let substitute = "skip_thought_signature_validator"

  struct Limits: Sendable {
    var seconds: Int64 = 3600
    var count = 65_536
    /// Of ids and signatures together.
    var bytes = 64 << 20
    /// A longer signature is not kept.
    var signatureBytes = 1 << 20
  }

  private struct Entry {
    let signature: String
    /// How many entries had been made before: tells an entry from a later one of the same id.
    let serial: UInt64
    let expires: Timestamp
  }

  private struct Memory {
    var entries: [String: Entry] = [:]
    /// The ids in the order in which they came; those before `first` are gone.
    var order: [(id: String, serial: UInt64)] = []
    var first = 0
    var bytes = 0
    var serial: UInt64 = 0

    mutating func remove(_ id: String) {
      guard let entry = entries.removeValue(forKey: id) else { return }
      bytes -= id.utf8.count + entry.signature.utf8.count
    }

    mutating func trim(_ limits: Limits, now: Timestamp) {
      while first < order.count {
        let oldest = order[first]
        let entry = entries[oldest.id]
        if let entry, entry.serial == oldest.serial {
          let isOver = entries.count > limits.count || bytes > limits.bytes
          guard isOver || entry.expires <= now else { break }
          remove(oldest.id)
        }
        first += 1
      }
      if first > 1024, first * 2 > order.count {
        order.removeSubrange(..<first)
        first = 0
      }
    }
  }

  private let limits: Limits
  private let memory = Mutex(Memory())

  init(limits: Limits = Limits()) { self.limits = limits }

  /// How many signatures are kept.
  var count: Int { memory.withLock { $0.entries.count } }

  func remember(_ signature: String, for id: String, now: Timestamp) {
    guard !signature.isEmpty, signature.utf8.count <= limits.signatureBytes else { return }
    memory.withLock { memory in
      memory.remove(id)
      memory.serial += 1
      memory.entries[id] = Entry(
        signature: signature, serial: memory.serial,
        expires: now.advanced(bySeconds: limits.seconds))
      memory.order.append((id, memory.serial))
      memory.bytes += id.utf8.count + signature.utf8.count
      memory.trim(limits, now: now)
    }
  }

  /// The signature of a call, nil when it is not known (any more).
  func signature(for id: String, now: Timestamp) -> String? {
    memory.withLock { memory in
      guard let entry = memory.entries[id], entry.expires > now else { return nil }
      return entry.signature
    }
  }
}
