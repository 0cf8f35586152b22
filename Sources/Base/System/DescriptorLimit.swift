// The number of files and sockets the process may have open. Shells give 1,024, a server needs
// more.

import Glibc

/// Raises the soft limit of open descriptors to the hard one.
/// - Returns: the limit that holds now.
@discardableResult
public func raiseDescriptorLimit() -> Int {
  var limit = rlimit()
  guard unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 0 }
  if limit.rlim_cur < limit.rlim_max {
    var wanted = limit
    wanted.rlim_cur = limit.rlim_max
    if unsafe setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &wanted) == 0 {
      limit = wanted
    }
  }
  return Int(clamping: limit.rlim_cur)
}
