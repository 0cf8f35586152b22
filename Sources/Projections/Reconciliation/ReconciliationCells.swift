// Sums by day and model, of both sides. Names of one model that are written differently (with the
// provider in front, with the date behind, with dots) are one.
import Base
import Ledger

struct ReconciliationCells {
  private struct Key: Hashable {
    let day: DayNumber
    /// In the form that all its spellings share; "" where the file names no models.
    let model: String
  }
  private var cells: [Key: ReconciledRow] = [:]
  private var forms: [String: String] = [:]
  /// Whether the file names models: else only days are compared.
  private(set) var hasModels = false

  private mutating func form(_ model: String) -> String {
    if let known = forms[model] { return known }
    let form = ModelNameForms.canonical(model)
    if forms.count < 100_000 { forms[model] = form }
    return form
  }

  private mutating func change(
    _ day: DayNumber, _ model: String, limit: Int,
    _ body: (inout ReconciledRow) throws(InvoiceError) -> Void
  ) throws(InvoiceError) {
    let key = Key(day: day, model: form(model))
    guard cells[key] != nil || cells.count < limit else {
      throw InvoiceError(
        0, "more than \(limit) days and models; use --from, --to")
    }
    var row = cells.removeValue(forKey: key) ?? ReconciledRow()
    row.day = day
    if row.model.isEmpty { row.model = model }
    try body(&row)
    cells[key] = row
  }

  mutating func add(
    _ booked: BookedRequest, _ day: DayNumber, _ model: String, limit: Int
  ) throws(InvoiceError) {
    try change(day, model, limit: limit) { row throws(InvoiceError) in try row.ours.add(booked) }
  }

  mutating func add(_ theirs: InvoiceRow, _ day: DayNumber, limit: Int) throws(InvoiceError) {
    if !theirs.model.isEmpty { hasModels = true }
    try change(day, theirs.model, limit: limit) { row throws(InvoiceError) in
      if row.theirs.rows == 0 { row.line = theirs.line }
      try row.theirs.add(theirs)
    }
  }

  /// All cells, by day and model; without models one for each day.
  func sorted(hasModels: Bool) throws(InvoiceError) -> [ReconciledRow] {
    let sorted = cells.sorted { ($0.key.day, $0.key.model) < ($1.key.day, $1.key.model) }
    if hasModels { return sorted.map(\.value) }
    var days: [ReconciledRow] = []
    for (key, cell) in sorted {
      if days.last?.day != key.day {
        days.append(ReconciledRow())
        days[days.count - 1].day = key.day
      }
      let last = days.count - 1
      if days[last].line == 0 { days[last].line = cell.line }
      try days[last].ours.add(cell.ours)
      try days[last].theirs.add(cell.theirs)
    }
    return days
  }
}
