// A statement as one HTML page without scripts and without other files: to be printed or mailed.
// The charts are SVG in the page. Every text from the ledger is escaped.
import Base
import Ledger
import Projections

extension StatementText {
  /// Charges shown one by one at most; beyond that the page has days and models, and says where
  /// each charge is found.
  private static let greatestLines = 5_000

  var html: [UInt8] {
    var page = HTMLText()
    page.raw("<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>")
    page.text("Statement \(statement.period.month), \(userName)")
    page.raw("</title><style>\(Self.style)</style></head><body><h1>Statement</h1><p>")
    page.text(userName)
    page.raw(" &middot; ")
    let last = statement.period.end.advanced(by: -1)
    page.text("\(statement.period.first) to \(last), \(zone.name)")
    page.raw("</p>")
    summary(&page)
    chart(&page)
    table(&page, "By day", "Day", sortedDays.map { ("\($0.0)", $0.1) })
    table(&page, "By model", "Model", sortedModels.map { (names.model($0.0) ?? "-", $0.1) })
    let subscriptions = statement.subscriptions.sorted { $0.key < $1.key }
    table(
      &page, "Paid by subscription (not part of the balance)", "Group",
      subscriptions.map { (names.group($0.key) ?? "-", $0.value) })
    lines(&page)
    page.raw("</body></html>\n")
    return page.bytes
  }

  private static let style = """
    body{font:14px/1.45 system-ui,sans-serif;color:#1a1a1a;max-width:60em;margin:2em auto;\
    padding:0 1em}h1{font-size:1.6em;margin:0}h2{font-size:1.1em;margin:1.6em 0 .4em}\
    table{border-collapse:collapse;width:100%}th,td{padding:.2em .6em;text-align:left;\
    border-bottom:1px solid #ddd;font-variant-numeric:tabular-nums}.n{text-align:right}\
    tfoot td,.sum td{font-weight:600}svg{width:100%;height:auto}.bar{fill:#3b6ea5}\
    .axis{fill:#666;font-size:9px}@media print{body{margin:0}tr{break-inside:avoid}}
    """

  private func summary(_ page: inout HTMLText) {
    page.raw("<h2>Balance</h2><table>")
    for (title, amount) in [
      ("Opening balance", statement.opening), ("Credits", statement.credits),
      ("Charges", NanoUSD(-statement.charges.value)),
      ("Corrections", NanoUSD(-statement.corrections.value)),
      ("Closing balance", statement.closing),
    ] {
      page.raw(title.hasSuffix("balance") ? "<tr class=\"sum\"><td>" : "<tr><td>")
      page.text(title)
      page.raw("</td><td class=\"n\">")
      page.text(Self.dollars(amount))
      page.raw("</td></tr>")
    }
    page.raw("</table>")
  }

  /// A bar for each day of the month: what was charged, less what corrections gave back.
  private func chart(_ page: inout HTMLText) {
    let first = statement.period.first
    let count = Int(statement.period.end.value - first.value)
    let amounts = (0..<count).map { index in
      max(0, statement.days[first.advanced(by: Int32(index))]?.charged.value ?? 0)
    }
    guard let greatest = amounts.max(), greatest > 0 else { return }
    let (width, height) = (620, 120)
    page.raw("<h2>Charged by day</h2><svg viewBox=\"0 0 \(width) \(height + 16)\" role=\"img\">")
    for (index, amount) in amounts.enumerated() {
      let bar = Int(Int128(amount) * Int128(height) / Int128(greatest))
      let x = index * width / count
      page.raw("<rect class=\"bar\" x=\"\(x)\" y=\"\(height - bar)\" ")
      page.raw("width=\"\(width / count - 3)\" height=\"\(bar)\"><title>")
      page.text("\(first.advanced(by: Int32(index))): \(Self.dollars(NanoUSD(amount)))")
      page.raw("</title></rect><text class=\"axis\" x=\"\(x)\" y=\"\(height + 11)\">")
      page.text("\(index + 1)")
      page.raw("</text>")
    }
    page.raw("</svg>")
  }

  private func table(
    _ page: inout HTMLText, _ title: String, _ column: String,
    _ rows: [(name: String, sum: StatementSum)]
  ) {
    guard !rows.isEmpty else { return }
    page.raw("<h2>")
    page.text(title)
    page.raw("</h2><table><thead><tr><th>")
    page.text(column)
    page.raw(
      "</th><th class=\"n\">Requests</th><th class=\"n\">Tokens</th>"
        + "<th class=\"n\">Charged</th></tr></thead>")
    for row in rows {
      page.raw("<tr><td>")
      page.text(row.name)
      page.raw("</td><td class=\"n\">\(row.sum.requests)</td><td class=\"n\">\(row.sum.tokens)")
      page.raw("</td><td class=\"n\">")
      page.text(Self.dollars(row.sum.charged))
      page.raw("</td></tr>")
    }
    page.raw("</table>")
  }

  private func lines(_ page: inout HTMLText) {
    guard !statement.lines.isEmpty else { return }
    let isLong = statement.lines.count > Self.greatestLines
    let shown = isLong ? statement.lines.filter { $0.kind == .credit } : statement.lines
    page.raw("<h2>")
    page.text(isLong ? "Credits" : "Every event")
    page.raw("</h2>")
    if isLong {
      page.raw("<p>")
      page.text(
        "\(statement.lines.count) events changed the balance; `daybook statement --csv` lists "
          + "each of them with its sequence number.")
      page.raw("</p>")
    }
    page.raw(
      "<table><thead><tr><th class=\"n\">Sequence</th><th>Time</th><th>What</th>"
        + "<th>Model</th><th class=\"n\">Amount</th></tr></thead>")
    for line in shown {
      page.raw("<tr><td class=\"n\">\(line.sequence)</td><td>")
      page.text(zone.text(line.time))
      page.raw("</td><td>")
      page.text(line.text.isEmpty ? line.kind.rawValue : "\(line.kind.rawValue): \(line.text)")
      page.raw("</td><td>")
      page.text(names.model(line.model) ?? "")
      page.raw("</td><td class=\"n\">")
      page.text(Self.dollars(line.amount))
      page.raw("</td></tr>")
    }
    page.raw("</table>")
  }

  private static func dollars(_ amount: NanoUSD) -> String {
    let text = money(amount)
    return text.hasPrefix("-") ? "-$" + text.dropFirst() : "$" + text
  }
}

/// HTML being written: `raw` is our own markup, `text` is escaped.
struct HTMLText {
  private(set) var bytes: [UInt8] = []

  mutating func raw(_ markup: String) { bytes.append(utf8: markup) }

  mutating func text(_ text: String) {
    for byte in text.utf8 {
      switch byte {
      case 0x26: bytes.append(utf8: "&amp;")
      case 0x3C: bytes.append(utf8: "&lt;")
      case 0x3E: bytes.append(utf8: "&gt;")
      case 0x22: bytes.append(utf8: "&quot;")
      case 0x27: bytes.append(utf8: "&#39;")
      default: bytes.append(byte)
      }
    }
  }
}
