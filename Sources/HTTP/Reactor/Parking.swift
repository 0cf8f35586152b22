// Where one task on the reactor waits for something on the same reactor: bytes, room, a timer, or
// its caller's leaving. All on one thread, so the first cause to come wins and the rest find
// nobody. Across threads, use Suspension.

import Base

/// Why a parked task went on.
enum Wake {
  case ready, deadlinePassed, callerGone
}

/// Somebody who wants to know that a caller has left. Told once, on the reactor's thread.
protocol DepartureObserver: AnyObject {
  func callerLeft()
}

@safe final class Parking: DepartureObserver {
  private let reactor: Reactor
  private var timer: ReactorTimer! = nil
  private var waiter: UnsafeContinuation<Wake, Never>?
  /// Between the beginning of a wait and its continuation the reactor may take a turn: what comes
  /// in between is kept.
  private var isEntering = false
  private var early: Wake?

  init(_ reactor: Reactor) {
    self.reactor = reactor
    timer = ReactorTimer { [unowned self] in wake(.deadlinePassed) }
  }
  deinit { reactor.timers.remove(timer) }

  /// Waits until `wake`, until `deadline` passes, or until the caller on `connection` leaves.
  func park(
    until deadline: MonotonicTime = .never, watching connection: Connection? = nil
  ) async -> Wake {
    precondition(unsafe waiter == nil && !isEntering, "one task parks here at a time")
    if let connection {
      if connection.isGone { return .callerGone }
      connection.observers.append(self)
    }
    isEntering = true
    if deadline != .never { reactor.timers.arm(timer, deadline) }
    let wake = unsafe await withUnsafeContinuation { unsafe enter($0) }
    if deadline != .never { reactor.timers.arm(timer, .never) }
    connection?.removeObserver(self)
    return wake
  }
  private func enter(_ continuation: UnsafeContinuation<Wake, Never>) {
    isEntering = false
    if let early {
      self.early = nil
      unsafe continuation.resume(returning: early)
    } else {
      unsafe waiter = continuation
    }
  }
  /// Lets the parked task go on; nothing happens when there is none.
  func wake(_ wake: Wake) {
    if isEntering && early == nil { early = wake }
    guard let waiter = unsafe waiter else { return }
    unsafe self.waiter = nil
    unsafe waiter.resume(returning: wake)
  }
  func callerLeft() { wake(.callerGone) }
}
