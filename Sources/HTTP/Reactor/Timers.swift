// Timers of one reactor: a binary heap that knows each timer's place. Moving a deadline later only
// notes it (the heap finds out when the old time comes), so the common "not yet" costs nothing.
//
// Invariants: heap[t.place] === t for every timer in it; t.key <= t.deadline.

import Base

/// One deadline, used again and again by its owner. Lives on its reactor's thread.
final class ReactorTimer {
  fileprivate(set) var deadline = MonotonicTime.never
  fileprivate var key = MonotonicTime.never
  fileprivate var place = -1
  fileprivate let fire: () -> Void

  /// `fire` runs on the reactor when the deadline passes, once per arming.
  init(_ fire: @escaping () -> Void) { self.fire = fire }
  func run() { fire() }
}

struct TimerHeap {
  private var heap: [ReactorTimer] = []

  var count: Int { heap.count }
  /// The earliest time at which there may be something to do.
  var earliest: MonotonicTime { heap.first?.key ?? .never }

  /// Sets the timer's deadline; `.never` disarms it.
  mutating func arm(_ timer: ReactorTimer, _ deadline: MonotonicTime) {
    timer.deadline = deadline
    if timer.place >= 0 {
      if deadline < timer.key {
        timer.key = deadline
        siftUp(timer.place)
      }
    } else if deadline != .never {
      timer.key = deadline
      timer.place = heap.count
      heap.append(timer)
      siftUp(timer.place)
    }
  }
  /// Takes the timer out altogether: its owner goes away.
  mutating func remove(_ timer: ReactorTimer) {
    timer.deadline = .never
    let place = timer.place
    if place < 0 { return }
    timer.place = -1
    let last = heap.removeLast()
    if last === timer { return }
    heap[place] = last
    last.place = place
    siftUp(place)
    siftDown(last.place)
  }
  /// The next timer whose deadline has passed, disarmed; nil when there is none.
  mutating func popDue(_ now: MonotonicTime) -> ReactorTimer? {
    while let first = heap.first, first.key <= now {
      if first.deadline <= now {
        remove(first)
        return first
      }
      if first.deadline == .never {
        remove(first)
      } else {
        first.key = first.deadline
        siftDown(0)
      }
    }
    return nil
  }

  private mutating func siftUp(_ start: Int) {
    var i = start
    let timer = heap[i]
    while i > 0 {
      let parent = (i - 1) / 2
      if heap[parent].key <= timer.key { break }
      heap[i] = heap[parent]
      heap[i].place = i
      i = parent
    }
    heap[i] = timer
    timer.place = i
  }
  private mutating func siftDown(_ start: Int) {
    var i = start
    let timer = heap[i]
    while true {
      var child = 2 * i + 1
      if child >= heap.count { break }
      if child + 1 < heap.count && heap[child + 1].key < heap[child].key { child += 1 }
      if timer.key <= heap[child].key { break }
      heap[i] = heap[child]
      heap[i].place = i
      i = child
    }
    heap[i] = timer
    timer.place = i
  }
}
