// Signals are read, not handled: they are blocked in every thread, before the first thread starts,
// and come as numbers from a file descriptor that a reactor watches.

import CLinux
import Glibc

/// The signals of the process.
public enum Signals {
  /// Blocks `signals` in the calling thread and all it starts later, and ignores SIGPIPE, which a
  /// socket closed by the other side would raise. Call it in main before anything else.
  public static func block(_ signals: [Int32]) {
    var set = makeSet(signals)
    unsafe pthread_sigmask(SIG_BLOCK, &set, nil)
    _ = signal(SIGPIPE, SIG_IGN)
  }
  /// A file descriptor that turns readable when one of the blocked `signals` came; -1 with errno
  /// set when the kernel refuses. The caller closes it.
  public static func descriptor(_ signals: [Int32]) -> Int32 {
    var set = makeSet(signals)
    return unsafe sh_signalfd(&set)
  }
  /// The next signal that came, nil when there is none.
  public static func next(from descriptor: Int32) -> Int32? {
    let number = sh_signalfd_read(descriptor)
    return number == 0 ? nil : number
  }
  private static func makeSet(_ signals: [Int32]) -> sigset_t {
    var set = sigset_t()
    unsafe sigemptyset(&set)
    for number in signals { unsafe sigaddset(&set, number) }
    return set
  }
}
