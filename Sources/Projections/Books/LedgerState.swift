// The scalars of the state, as one row of the read model.
import Base
import Ledger

struct LedgerState: StoredRow {
  var isPresent = false
  var lastTime = Timestamp(microseconds: 0)
  var newestSecond: Int64 = 0
  var newestDay = DayNumber(.min)
  var zone = ""
  var settings = ""
  static var table: String { "ledger_state" }
  static var keyColumn: String { "number" }
  var isVacant: Bool { !isPresent }
  mutating func columns(_ coder: inout some ColumnCoder) throws(StoreError) {
    try coder.field("present", &isPresent)
    try coder.field("last_time_us", &lastTime)
    try coder.column("newest_second", &newestSecond)
    try coder.field("newest_day", &newestDay)
    try coder.column("time_zone", &zone)
    try coder.column("settings", &settings)
  }
}
