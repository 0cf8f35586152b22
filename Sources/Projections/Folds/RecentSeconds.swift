// The last five minutes of each active key: 300 buckets of one second of booking time.
//
// A key that settles something gets a block of 300 buckets; second s uses bucket s % 300 and takes
// it over from s - 300. Every 300 seconds of the log the blocks of keys idle that long are freed.
// Buckets are rows of a table, so that a checkpoint stores the changed ones only; what a bucket
// older than 300 seconds holds is of no consequence anywhere.
import Base
import Ledger

/// What one key settled in one second.
struct RecentSecond: StoredRow {
  var key = KeyID.none
  /// Seconds since 1970.
  var second: Int64 = 0
  var requests: Int64 = 0
  var tokens: Int64 = 0
  static var table: String { "recent_seconds" }
  static var keyColumn: String { "slot" }
  var isVacant: Bool { key.isNone }
  mutating func columns(_ coder: inout some ColumnCoder) throws(StoreError) {
    try coder.field("key", &key)
    try coder.column("second", &second)
    try coder.column("requests", &requests)
    try coder.column("tokens", &tokens)
  }
}

struct RecentSeconds: Sendable {
  static let span: Int64 = 300

  var buckets = Table<RecentSecond>()
  /// First bucket of each key's block; 0 = none. Indexed by key.
  private var blocks: [Int32] = [0]
  private var free: [Int32] = []
  /// The newest second, and the last one at which idle blocks were freed.
  private(set) var newest: Int64 = 0
  private var swept: Int64 = 0

  static func second(_ time: Timestamp) -> Int64 {
    let (quotient, remainder) = time.microseconds.quotientAndRemainder(dividingBy: 1_000_000)
    return remainder < 0 ? quotient - 1 : quotient
  }
  private static func place(_ second: Int64) -> Int {
    let place = Int(second % span)
    return place < 0 ? place + Int(span) : place
  }

  mutating func extend(to key: KeyID) {
    while blocks.count <= Int(key.value) { blocks.append(0) }
  }

  /// - Precondition: the key was issued.
  mutating func add(_ key: KeyID, at time: Timestamp, tokens: Int64) {
    let second = Self.second(time)
    newest = second
    if second &- swept >= Self.span { sweep() }
    var block = Int(blocks[Int(key.value)])
    if block == 0 {
      block = takeBlock()
      blocks[Int(key.value)] = Int32(truncatingIfNeeded: block)
    }
    buckets.update(block + Self.place(second)) { bucket in
      if bucket.second != second || bucket.key != key {
        bucket = RecentSecond(key: key, second: second)
      }
      bucket.requests &+= 1
      bucket.tokens &+= tokens
    }
  }

  private mutating func takeBlock() -> Int {
    if let block = free.popLast() { return Int(block) }
    let block = buckets.count
    buckets.extend(to: block + Int(Self.span))
    return block
  }

  private mutating func sweep() {
    swept = newest
    for key in blocks.indices where blocks[key] != 0 {
      let block = Int(blocks[key])
      let isActive = (0..<Int(Self.span)).contains { place in
        let bucket = buckets[block + place]
        return Int(bucket.key.value) == key && bucket.second > newest - Self.span
      }
      if !isActive {
        free.append(blocks[key])
        blocks[key] = 0
      }
    }
  }

  func sum(of key: KeyID, at now: Timestamp) -> (requests: Int64, tokens: Int64) {
    guard Int(key.value) < blocks.count, blocks[Int(key.value)] != 0 else { return (0, 0) }
    let block = Int(blocks[Int(key.value)])
    let end = Self.second(now)
    var sum: (requests: Int64, tokens: Int64) = (0, 0)
    for place in 0..<Int(Self.span) {
      let bucket = buckets[block + place]
      guard bucket.key == key, bucket.second > end - Self.span, bucket.second <= end else {
        continue
      }
      sum.requests &+= bucket.requests
      sum.tokens &+= bucket.tokens
    }
    return sum
  }

  /// Buckets that still count at the newest second, by key and second.
  var living: [RecentSecond] {
    buckets.occupied.map(\.row)
      .filter { $0.second > newest - Self.span }
      .sorted { ($0.key, $0.second) < ($1.key, $1.second) }
  }

  /// Finds the blocks again after buckets were loaded; a block belongs to the key that used it
  /// last.
  mutating func reindex(newest: Int64, keys: Int) throws(StoreError) {
    self.newest = newest
    swept = newest
    extend(to: KeyID(UInt32(keys - 1)))
    let span = Int(Self.span)
    let blockCount = (buckets.count - 1 + span - 1) / span
    buckets.extend(to: 1 + blockCount * span)
    for block in stride(from: 1, to: buckets.count, by: span) {
      let used = (0..<span).map { buckets[block + $0] }
        .filter { !$0.key.isNone && $0.second > newest - Self.span }
        .max { $0.second < $1.second }
      if let key = used?.key {
        guard Int(key.value) < keys, blocks[Int(key.value)] == 0 else {
          throw .damaged("recent seconds of key \(key.value)")
        }
        blocks[Int(key.value)] = Int32(truncatingIfNeeded: block)
      } else {
        free.append(Int32(truncatingIfNeeded: block))
      }
    }
  }
}
