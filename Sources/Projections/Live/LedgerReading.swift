// A ledger read by a command while no server holds it: the log under a shared lock, the state
// folded from it. Nothing is written, cut or repaired, and nothing is appended.
public import Base
public import Ledger

/// The log and its state, for reading.
public struct LedgerReading {
  public let files: LedgerFiles
  /// The state at the end of the log.
  public private(set) var books: Books
  /// Damage at the end of what can be read, or why the state could not be folded to the end; nil
  /// when all is well. `cat` shows what stands before it.
  public let problem: LiveLedgerError?

  /// Opens the log and folds it.
  /// - Parameters:
  ///   - needsState: throw what keeps the state from being folded, instead of noting it.
  ///   - folds: whether to fold the log at all; the state is empty otherwise.
  ///   - progress: told while folding.
  /// - Throws: `.locked` while a server runs; damage; no ledger there.
  public init(
    directory: String, fileSystem: some FileSystem = RealFileSystem(), needsState: Bool = true,
    folds: Bool = true, progress: (@Sendable (FoldProgress) -> Void)? = nil
  ) throws(LiveLedgerError) {
    let opened = try asLive { () throws(LedgerError) in
      let stores = SQLiteCheckpointStores(fileSystem, in: directory)
      let confirmed = try stores.confirmed(in: LedgerDirectory(fileSystem, at: directory))
      return try LedgerFiles.openUpToDamage(fileSystem, at: directory, confirmed: confirmed)
    }
    files = opened.files
    var problem = opened.damage.map { LiveLedgerError.ledger($0) }
    if let problem, needsState { throw problem }
    var books = Books()
    if folds {
      do throws(LiveLedgerError) {
        let snapshots = Snapshots(files)
        if needsState, let newest = snapshots.newest(through: files.durable) { books = newest }
        try snapshots.fold(&books, through: files.durable, progress: progress)
      } catch {
        if needsState { throw error }
        problem = problem ?? error
      }
    }
    if problem != nil { try? books.adoptZone() }
    self.books = books
    self.problem = problem
  }

  /// Asks the state as if it were live; what the question changes is dropped.
  public func withBooks<Value, Failure: Error>(
    _ body: (inout Books) throws(Failure) -> Value
  ) throws(Failure) -> Value {
    var copy = books
    return try body(&copy)
  }
}
