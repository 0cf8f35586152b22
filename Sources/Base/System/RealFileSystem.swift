// The machine's own file system: the only place that calls open(2) and its relatives.
import Glibc

/// Files of the operating system.
public struct RealFileSystem: FileSystem {
  public init() {}

  public func open(_ path: String, _ mode: OpenMode) throws(FileError) -> any File {
    let flags =
      switch mode {
      case .read: O_RDONLY
      case .write: O_RDWR
      case .create: O_RDWR | O_CREAT
      case .replace: O_RDWR | O_CREAT | O_TRUNC
      }
    let descriptor = unsafe Glibc.open(path, flags | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw FileError(code: errno, operation: .open, path: path) }
    return RealFile(descriptor: descriptor, path: path)
  }

  public func status(of path: String) throws(FileError) -> FileStatus? {
    var information = stat()
    guard unsafe stat(path, &information) == 0 else {
      let code = errno
      if code == ENOENT { return nil }
      throw FileError(code: code, operation: .stat, path: path)
    }
    return FileStatus(
      isDirectory: information.st_mode & S_IFMT == S_IFDIR, size: Int(information.st_size))
  }

  public func list(_ directory: String) throws(FileError) -> [String] {
    guard let stream = unsafe opendir(directory) else {
      throw FileError(code: errno, operation: .list, path: directory)
    }
    defer { unsafe closedir(stream) }
    var names: [String] = []
    while true {
      errno = 0
      guard let entry = unsafe readdir(stream) else {
        let code = errno
        if code != 0 { throw FileError(code: code, operation: .list, path: directory) }
        return names
      }
      let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) {
        unsafe $0.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
      }
      if name != "." && name != ".." { names.append(name) }
    }
  }

  public func makeDirectory(_ path: String) throws(FileError) {
    guard unsafe mkdir(path, 0o700) == 0 else {
      let code = errno
      if code == EEXIST, try status(of: path)?.isDirectory == true { return }
      throw FileError(code: code, operation: .makeDirectory, path: path)
    }
  }

  public func rename(_ path: String, to target: String) throws(FileError) {
    guard unsafe Glibc.rename(path, target) == 0 else {
      throw FileError(code: errno, operation: .rename, path: path)
    }
  }

  public func remove(_ path: String) throws(FileError) {
    guard unsafe unlink(path) == 0 else {
      throw FileError(code: errno, operation: .remove, path: path)
    }
  }

  public func syncDirectory(_ path: String) throws(FileError) {
    let descriptor = unsafe Glibc.open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { throw FileError(code: errno, operation: .open, path: path) }
    defer { close(descriptor) }
    guard fsync(descriptor) == 0 else {
      throw FileError(code: errno, operation: .syncDirectory, path: path)
    }
  }

  public func freeSpace(at path: String) throws(FileError) -> Int {
    var information = statvfs()
    guard unsafe statvfs(path, &information) == 0 else {
      throw FileError(code: errno, operation: .statvfs, path: path)
    }
    let (bytes, overflow) = information.f_bavail.multipliedReportingOverflow(
      by: UInt(information.f_frsize))
    return overflow ? Int.max : Int(clamping: bytes)
  }
}

/// An open descriptor.
private final class RealFile: File {
  let path: String
  private let descriptor: Int32

  init(descriptor: Int32, path: String) {
    self.descriptor = descriptor
    self.path = path
  }

  deinit { close(descriptor) }

  private func check(_ result: Int32, _ operation: FileOperation) throws(FileError) {
    if result != 0 { throw FileError(code: errno, operation: operation, path: path) }
  }

  func size() throws(FileError) -> Int {
    var information = stat()
    try check(unsafe fstat(descriptor, &information), .stat)
    return Int(information.st_size)
  }

  func read(
    into buffer: inout [UInt8], _ range: Range<Int>, at offset: Int
  ) throws(FileError) -> Int {
    let count = unsafe buffer.withUnsafeMutableBytes {
      let target = unsafe UnsafeMutableRawBufferPointer(rebasing: $0[range])
      return unsafe pread(descriptor, target.baseAddress, target.count, offset)
    }
    guard count >= 0 else { throw FileError(code: errno, operation: .read, path: path) }
    return count
  }

  func write(_ bytes: Span<UInt8>, at offset: Int) throws(FileError) -> Int {
    let count = unsafe bytes.withUnsafeBufferPointer {
      unsafe pwrite(descriptor, $0.baseAddress, $0.count, offset)
    }
    guard count >= 0 else { throw FileError(code: errno, operation: .write, path: path) }
    return count
  }

  func sync() throws(FileError) { try check(fdatasync(descriptor), .sync) }

  func truncate(to size: Int) throws(FileError) {
    try check(ftruncate(descriptor, size), .truncate)
  }

  func dropCache() throws(FileError) {
    let code = posix_fadvise(descriptor, 0, 0, POSIX_FADV_DONTNEED)
    if code != 0 { throw FileError(code: code, operation: .advise, path: path) }
  }

  func lock(_ kind: LockKind) throws(FileError) -> Bool {
    let operation = kind == .exclusive ? LOCK_EX : LOCK_SH
    while flock(descriptor, operation | LOCK_NB) != 0 {
      let code = errno
      if code == EWOULDBLOCK { return false }
      if code != EINTR { throw FileError(code: code, operation: .lock, path: path) }
    }
    return true
  }

  func unlock() throws(FileError) { try check(flock(descriptor, LOCK_UN), .lock) }
}
