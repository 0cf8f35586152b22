// Slots with a fair queue: a user's requests at a time, an account's requests at a time.
//
// A state machine of values: it decides who gets a slot and who waits; the caller takes the lock,
// asks, releases the lock, and resumes whom it was told to resume. A waiter may have left meanwhile
// (Suspension.resume says so): then the slot in the air goes to the next one.
//
// Invariants: running counts slots in use and in the air; running > limit only after the limit was
// lowered; nobody waits while running < limit.
import HTTP

/// Slots of one owner, and who waits for one, in order of arrival.
struct SlotQueue {
  /// Slots; <= 0 = as many as are asked for.
  var limit: Int
  private(set) var running = 0
  private var waiters: [Suspension] = []
  private var first = 0

  init(limit: Int) { self.limit = limit }

  var waiting: Int { waiters.count - first }
  var hasFreeSlot: Bool { limit <= 0 || running < limit }
  /// True when a slot can be had at once: one is free and nobody waits for it.
  var isFree: Bool { hasFreeSlot && waiting == 0 }
  /// Requests that use a slot or wait for one.
  var load: Int { running + waiting }
  var isIdle: Bool { running == 0 && waiting == 0 }

  enum Acquisition {
    case acquired
    /// Wait for it; `abandon` it when it ends without a slot.
    case wait(Suspension)
    case queueFull
  }

  /// Takes a free slot or a place in the queue.
  mutating func acquire(maxWaiting: Int) -> Acquisition {
    if isFree {
      running += 1
      return .acquired
    }
    guard waiting < maxWaiting else { return .queueFull }
    let suspension = Suspension()
    waiters.append(suspension)
    return .wait(suspension)
  }

  /// Takes a slot only when one is free and nobody waits for it.
  mutating func tryAcquire() -> Bool {
    guard isFree else { return false }
    running += 1
    return true
  }

  /// A slot comes back, or its next owner had left: the waiters to resume, in order, each with a
  /// slot in the air. More than one only after the limit grew.
  mutating func release() -> [Suspension] {
    running -= 1
    precondition(running >= 0, "a slot was released twice")
    return admitted()
  }

  /// Waiters that may go on now, each with a slot in the air.
  mutating func admitted() -> [Suspension] {
    var all: [Suspension] = []
    while hasFreeSlot, let next = popFirst() {
      running += 1
      all.append(next)
    }
    return all
  }

  /// A waiter leaves the queue without a slot (timed out or gone). False: it is not in the queue
  /// any more, so a slot was on its way to it.
  @discardableResult
  mutating func abandon(_ suspension: Suspension) -> Bool {
    guard let index = waiters[first...].firstIndex(where: { $0 === suspension }) else {
      return false
    }
    waiters.remove(at: index)
    return true
  }

  private mutating func popFirst() -> Suspension? {
    guard first < waiters.count else { return nil }
    let next = waiters[first]
    first += 1
    if first > 32 && first * 2 > waiters.count {
      waiters.removeFirst(first)
      first = 0
    }
    return next
  }
}
