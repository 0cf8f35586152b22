// Which SQLite file is used: found, checked, moved aside when damaged, replaced after a rebuild.
public import Base
import Ledger
import CSQLite

/// projections.sqlite in a ledger's directory.
public struct SQLiteCheckpointStores: CheckpointStores {
  private let files: any FileSystem
  private let directory: String
  private var path: String { directory + "/projections.sqlite" }
  private var second: String { directory + "/projections.rebuild.sqlite" }

  public init(_ files: any FileSystem, in directory: String) {
    self.files = files
    self.directory = directory
  }

  public func peek() -> CheckpointHeader? {
    guard let status = try? files.status(of: path), !status.isDirectory,
      let database = try? SQLiteDatabase(path: path, mode: .readOnly)
    else { return nil }
    defer { database.close() }
    return try? SQLiteCheckpointStore.header(in: database)
  }

  public func open() throws(StoreError) -> OpenedStore {
    let isThere = try io { () throws(FileError) in try files.status(of: path) } != nil
    do throws(StoreError) {
      let store = try SQLiteCheckpointStore(path: path)
      let complaint = isThere ? nil : "projections.sqlite is missing"
      return OpenedStore(store: store, complaint: complaint)
    } catch {
      guard case .damaged = error else { throw error }
      let aside = try moveAside()
      return OpenedStore(
        store: try SQLiteCheckpointStore(path: path),
        complaint: "\(error); it was moved to \(aside)")
    }
  }

  public func reset(_ store: any CheckpointStore) throws(StoreError) -> any CheckpointStore {
    store.close()
    try remove(path)
    return try SQLiteCheckpointStore(path: path)
  }

  public func makeSecond() throws(StoreError) -> any CheckpointStore {
    try remove(second)
    return try SQLiteCheckpointStore(path: second)
  }

  public func replace(
    _ first: any CheckpointStore, with other: any CheckpointStore
  ) throws(StoreError) -> any CheckpointStore {
    first.close()
    other.close()
    // A write-ahead log left behind would be taken for the new file's.
    try remove(path)
    try io { () throws(FileError) in
      try files.rename(second, to: path)
      try files.syncDirectory(directory)
    }
    return try SQLiteCheckpointStore(path: path)
  }

  private static let companions = ["-wal", "-shm", ""]

  private func remove(_ path: String) throws(StoreError) {
    for suffix in Self.companions {
      try io { () throws(FileError) in
        if try files.status(of: path + suffix) != nil { try files.remove(path + suffix) }
      }
    }
  }

  /// Keeps a damaged file for inspection, under the first free name.
  private func moveAside() throws(StoreError) -> String {
    try io { () throws(FileError) in
      var number = 1
      while try files.status(of: "\(path).damaged-\(number)") != nil { number += 1 }
      let aside = "\(path).damaged-\(number)"
      for suffix in Self.companions where try files.status(of: path + suffix) != nil {
        try files.rename(path + suffix, to: aside + suffix)
      }
      return aside
    }
  }

  private func io<Value>(_ body: () throws(FileError) -> Value) throws(StoreError) -> Value {
    do throws(FileError) { return try body() } catch {
      throw .failed(operation: "keeping \(path)", code: 0, message: "\(error)")
    }
  }
}
