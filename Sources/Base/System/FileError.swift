// What a file operation failed with: the system's number, the operation, the path.
import Glibc

/// Operations on files, as errors name them.
public enum FileOperation: String, Sendable {
  case open, stat, list, makeDirectory = "make directory", rename, remove
  case syncDirectory = "sync directory", statvfs = "ask for free space"
  case read, write, sync, truncate, advise, lock
}

/// A failed file operation.
public struct FileError: Error, Equatable, Sendable, CustomStringConvertible {
  /// errno(3).
  public let code: Int32
  public let operation: FileOperation
  public let path: String

  public init(code: Int32, operation: FileOperation, path: String) {
    self.code = code
    self.operation = operation
    self.path = path
  }

  /// ENOSPC.
  public static let noSpace: Int32 = ENOSPC

  /// The call may simply be repeated (EINTR).
  public var isInterrupted: Bool { code == EINTR }
  /// There is no room now, and may be later: disk full, quota, the process's file size limit.
  public var isOutOfSpace: Bool { code == ENOSPC || code == EDQUOT || code == EFBIG }
  /// Nothing stands at the path (ENOENT).
  public var isMissing: Bool { code == ENOENT }

  public var description: String {
    "cannot \(operation.rawValue) \(path): \(unsafe String(cString: strerror(code)))"
  }
}
