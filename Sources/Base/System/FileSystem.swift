// The file system as a parameter: the ledger sees files only through these two protocols, so that
// a simulated disk can crash, tear and lose what was not synced. `RealFileSystem` is the other one.
//
// Everything blocks the calling thread. Nothing retries: an interrupted or short transfer is
// reported as it happened, because the ledger's writer has rules for each.

/// How a file is opened.
public enum OpenMode: Sendable {
  /// To read; it must exist.
  case read
  /// To read and write; it must exist.
  case write
  /// To read and write; made with mode 0600 when missing.
  case create
  /// To read and write; made with mode 0600, its old content dropped.
  case replace
}

/// What kind of thing stands at a path.
public struct FileStatus: Equatable, Sendable {
  public let isDirectory: Bool
  /// Bytes.
  public let size: Int

  public init(isDirectory: Bool, size: Int) {
    self.isDirectory = isDirectory
    self.size = size
  }
}

/// Files and directories. Paths are as the operating system takes them.
public protocol FileSystem: Sendable {
  func open(_ path: String, _ mode: OpenMode) throws(FileError) -> any File
  /// Nil when nothing stands there.
  func status(of path: String) throws(FileError) -> FileStatus?
  /// Names in a directory without "." and "..", in no order.
  func list(_ directory: String) throws(FileError) -> [String]
  /// Makes a directory with mode 0700. Nothing happens when it exists already.
  func makeDirectory(_ path: String) throws(FileError)
  /// Replaces whatever stands at `target`. Durable only after `syncDirectory`.
  func rename(_ path: String, to target: String) throws(FileError)
  /// Durable only after `syncDirectory`.
  func remove(_ path: String) throws(FileError)
  /// Makes the names in a directory durable.
  func syncDirectory(_ path: String) throws(FileError)
  /// Bytes that this process may still write on the volume that holds `path`.
  func freeSpace(at path: String) throws(FileError) -> Int
}

/// An open file; closed when the last reference goes.
public protocol File: AnyObject, Sendable {
  var path: String { get }
  /// Bytes.
  func size() throws(FileError) -> Int
  /// Reads into the bytes of `buffer` that `range` names.
  /// - Returns: bytes read, sometimes fewer than asked; 0 only at the end of the file.
  func read(
    into buffer: inout [UInt8], _ range: Range<Int>, at offset: Int
  ) throws(FileError) -> Int
  /// - Returns: bytes written, sometimes fewer than given.
  func write(_ bytes: Span<UInt8>, at offset: Int) throws(FileError) -> Int
  /// Content and size are durable when it returns. An error means: nobody knows what is.
  func sync() throws(FileError)
  func truncate(to size: Int) throws(FileError)
  /// Forgets clean cached pages, so that the next read asks the device. A hint.
  func dropCache() throws(FileError)
  /// Takes the advisory lock of the whole file without waiting.
  /// - Returns: false when somebody else holds it.
  func lock(_ kind: LockKind) throws(FileError) -> Bool
  func unlock() throws(FileError)
}

/// Kinds of advisory locks.
public enum LockKind: Sendable { case shared, exclusive }

extension File {
  /// Reads until the range is full or the file ends; interruptions are repeated.
  /// - Returns: bytes read.
  public func readFully(
    into buffer: inout [UInt8], _ range: Range<Int>, at offset: Int
  ) throws(FileError) -> Int {
    var done = 0
    while done < range.count {
      do throws(FileError) {
        let count = try read(
          into: &buffer, range.lowerBound + done..<range.upperBound, at: offset + done)
        if count == 0 { break }
        done += count
      } catch {
        if !error.isInterrupted { throw error }
      }
    }
    return done
  }

  /// Writes all bytes; short writes and interruptions are carried on with.
  public func writeFully(_ bytes: Span<UInt8>, at offset: Int) throws(FileError) {
    var done = 0
    while done < bytes.count {
      do throws(FileError) {
        let count = try write(bytes.extracting(done...), at: offset + done)
        if count == 0 { throw FileError(code: FileError.noSpace, operation: .write, path: path) }
        done += count
      } catch {
        if !error.isInterrupted { throw error }
      }
    }
  }
}

extension FileSystem {
  /// The whole content of a file.
  public func readFile(_ path: String) throws(FileError) -> [UInt8] {
    let file = try open(path, .read)
    var bytes = [UInt8](repeating: 0, count: try file.size())
    let count = try file.readFully(into: &bytes, bytes.indices, at: 0)
    bytes.removeLast(bytes.count - count)
    return bytes
  }

  /// Puts a file in place whole and durable: a crash leaves the old content or the new one.
  /// `path` stands in `directory`; `path + ".tmp"` is used on the way.
  public func replaceFile(
    _ path: String, in directory: String, with bytes: [UInt8]
  ) throws(FileError) {
    let temporary = path + ".tmp"
    let file = try open(temporary, .replace)
    try file.writeFully(bytes.span, at: 0)
    try file.sync()
    try rename(temporary, to: path)
    try syncDirectory(directory)
  }
}
