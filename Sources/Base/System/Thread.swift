// Threads of our own (the Swift pool is never used by the server), and the bell one thread rings to
// wake another.

import CLinux
import Glibc

/// A running thread with a name. Join it before its captured state must be gone.
public struct SystemThread: Sendable {
  /// The kernel refused to make a thread.
  public struct StartError: Error, CustomStringConvertible {
    public let name: String
    public let code: Int32
    public var description: String {
      "cannot start thread \(name): error \(code); check the process limits (ulimit -u)"
    }
  }
  private let handle: pthread_t

  /// Starts `body` on a new thread. `name` is shown by ps and in /proc, at most 15 bytes of it.
  public static func start(
    name: String, _ body: @escaping @Sendable () -> Void
  ) throws(StartError) -> SystemThread {
    var handle = pthread_t()
    let box = unsafe Unmanaged.passRetained(ThreadBody(name: name, body: body))
    let code = unsafe pthread_create(
      &handle, nil, { unsafe threadMain($0) }, box.toOpaque())
    if code != 0 {
      unsafe box.release()
      throw StartError(name: name, code: code)
    }
    return SystemThread(handle: handle)
  }
  /// Waits until the thread has ended. Call it once, or `detach`: else its stack stays.
  public func join() { _ = pthread_join(handle, nil) }
  /// Nobody will join: the thread's stack goes when it ends.
  public func detach() { pthread_detach(handle) }
}

private final class ThreadBody {
  let name: String
  let body: @Sendable () -> Void
  init(name: String, body: @escaping @Sendable () -> Void) {
    self.name = name
    self.body = body
  }
}

private func threadMain(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
  guard let argument = unsafe argument else { return nil }
  let thread = unsafe Unmanaged<ThreadBody>.fromOpaque(argument).takeRetainedValue()
  unsafe thread.name.withCString { unsafe sh_thread_name($0) }
  thread.body()
  return nil
}

/// Wakes one waiting thread. A ring before the wait counts; several rings before one wait are one.
@safe public final class Doorbell: @unchecked Sendable {
  private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
  private var rung = false

  public init() {
    unsafe mutex.initialize(to: pthread_mutex_t())
    unsafe condition.initialize(to: pthread_cond_t())
    var attributes = pthread_condattr_t()
    unsafe pthread_condattr_init(&attributes)
    unsafe pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
    precondition(unsafe pthread_mutex_init(mutex, nil) == 0)
    precondition(unsafe pthread_cond_init(condition, &attributes) == 0)
    unsafe pthread_condattr_destroy(&attributes)
  }
  deinit {
    unsafe pthread_cond_destroy(condition)
    unsafe pthread_mutex_destroy(mutex)
    unsafe condition.deallocate()
    unsafe mutex.deallocate()
  }
  /// Wakes the waiting thread, or the next one that waits.
  public func ring() {
    unsafe pthread_mutex_lock(mutex)
    rung = true
    unsafe pthread_cond_signal(condition)
    unsafe pthread_mutex_unlock(mutex)
  }
  /// Blocks until a ring (true) or until `deadline` of the kernel's monotonic clock (false).
  @discardableResult
  public func wait(until deadline: MonotonicTime = .never) -> Bool {
    unsafe pthread_mutex_lock(mutex)
    defer { unsafe pthread_mutex_unlock(mutex) }
    while !rung {
      if deadline == .never {
        unsafe pthread_cond_wait(condition, mutex)
        continue
      }
      var t = timespec(
        tv_sec: Int(deadline.nanoseconds / 1_000_000_000),
        tv_nsec: Int(deadline.nanoseconds % 1_000_000_000))
      if unsafe pthread_cond_timedwait(condition, mutex, &t) == ETIMEDOUT { break }
    }
    defer { rung = false }
    return rung
  }
}
