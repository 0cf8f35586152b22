// epoll, wrapped: which descriptor belongs to which source, and the generation numbers that keep an
// event for a closed descriptor from reaching the next owner of its number.

import CLinux
import Glibc

/// What happened to a descriptor (EPOLL*).
struct PollEvents: OptionSet {
  let rawValue: UInt32
  static let readable = PollEvents(rawValue: 0x1)
  static let writable = PollEvents(rawValue: 0x4)
  static let failed = PollEvents(rawValue: 0x8)
  static let hungUp = PollEvents(rawValue: 0x10)
  static let peerClosed = PollEvents(rawValue: 0x2000)
  static let edgeTriggered = PollEvents(rawValue: 1 << 31)
}

/// Somebody who is told about a descriptor's events, on the reactor's thread.
class PollSource {
  func handle(_ events: PollEvents) { preconditionFailure("a source handles its events") }
}

@safe final class Poller {
  private struct Slot {
    var source: PollSource?
    var generation: UInt32 = 0
  }
  private let epoll: Int32
  private var slots: [Slot] = []
  private let ready: UnsafeMutablePointer<epoll_event>
  private static let capacity = 256

  init() {
    epoll = sh_epoll_create()
    precondition(epoll >= 0, "epoll_create1 failed, errno \(errno): raise the open files limit")
    unsafe ready = .allocate(capacity: Self.capacity)
  }
  deinit {
    close(epoll)
    unsafe ready.deallocate()
  }
  /// Watches a descriptor. False when the kernel refuses (out of memory or watches).
  func add(_ descriptor: Int32, _ events: PollEvents, _ source: PollSource) -> Bool {
    let i = Int(descriptor)
    while slots.count <= i { slots.append(Slot()) }
    slots[i].source = source
    slots[i].generation &+= 1
    if control(SH_EPOLL_ADD, descriptor, events) { return true }
    slots[i].source = nil
    return false
  }
  func change(_ descriptor: Int32, _ events: PollEvents) {
    _ = control(SH_EPOLL_MOD, descriptor, events)
  }
  /// Stops watching. Call it before the descriptor is closed.
  func remove(_ descriptor: Int32) {
    _ = control(SH_EPOLL_DEL, descriptor, [])
    forget(descriptor)
  }
  /// As `remove` for a descriptor that is closed right away, which ends the watch by itself.
  func forget(_ descriptor: Int32) {
    let i = Int(descriptor)
    slots[i].source = nil
    slots[i].generation &+= 1
  }
  /// Waits for events, at most `milliseconds`, and hands each to its source.
  func wait(milliseconds: Int32) -> Int32 {
    unsafe epoll_wait(epoll, ready, Int32(Self.capacity), milliseconds)
  }
  func dispatch(_ count: Int32) {
    for k in 0..<max(0, count) {
      let data = unsafe sh_epoll_data(ready, k)
      let i = Int(data & 0xffff_ffff)
      if slots[i].generation != UInt32(data >> 32) { continue }
      guard let source = slots[i].source else { continue }
      source.handle(PollEvents(rawValue: unsafe sh_epoll_events(ready, k)))
    }
  }
  private func control(_ operation: Int, _ descriptor: Int32, _ events: PollEvents) -> Bool {
    let data = UInt64(slots[Int(descriptor)].generation) << 32 | UInt64(UInt32(descriptor))
    return sh_epoll_ctl(epoll, Int32(operation), descriptor, events.rawValue, data) == 0
  }
}
