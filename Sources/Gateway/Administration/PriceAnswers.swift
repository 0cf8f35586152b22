// What `daybook prices` and /admin/prices answer: the books there are, one model's prices, two
// books compared, a charge explained. Made from copies, outside of the lock of the books.
public import Base
public import Ledger
public import Projections

/// What questions about prices are answered from, as of one moment.
public struct PriceQuestions: Sendable {
  private let shelf: PriceShelf
  private let names: EventNames
  private let defaultModel: String?
  private let now: Timestamp

  /// Copies what it needs: cheap, for under the lock.
  public init(_ books: borrowing Books, now: Timestamp) {
    shelf = books.prices
    names = EventNames(copy books)
    let settings = try? Configuration(parsing: Array(books.settings.utf8), folder: "/")
    defaultModel = (settings ?? Configuration()).gateway.defaultPriceModel
    self.now = now
  }

  // MARK: - prices list

  /// All books, in the order of their numbers.
  public var list: [UInt8] {
    let current = shelf.bookInForce(at: now)
    return JSONWriter.text { json in
      json.array { json in
        for entry in shelf.all {
          json.object {
            Self.write(entry, to: &$0)
            $0.member("models", entry.count)
            $0.member("published", entry.isPublished)
            $0.member("effective_from", optional: Self.effective(entry))
            $0.member("in_force", entry.id == current)
            if entry.isPublished {
              $0.member("sequence", entry.sequence.value)
              $0.member("sha256", Hex.encode(entry.hash))
            } else {
              $0.member(null: "sequence")
              $0.member(null: "sha256")
            }
          }
        }
      }
    }
  }

  /// nil for a book that is never in force, or not published.
  private static func effective(_ entry: PriceBookEntry) -> String? {
    guard entry.isPublished, entry.effectiveFrom.microseconds != .max else { return nil }
    return entry.effectiveFrom.text()
  }

  private static func write(_ entry: PriceBookEntry, to json: inout JSONWriter) {
    json.member("book", entry.id.value)
    json.member("version", optional: entry.version.isEmpty ? nil : entry.version)
  }

  // MARK: - Finding a book

  /// A published book by number ("3"), by version (of several the newest), or the one in force.
  func entry(called text: String?) throws(AdministrationError) -> PriceBookEntry {
    let published = shelf.all.filter(\.isPublished)
    guard let text else {
      guard let id = shelf.bookInForce(at: now), let entry = shelf.entry(id) else {
        throw .unknown("no price book is in force; `daybook prices list` shows those there are")
      }
      return entry
    }
    let number = UInt32(text.hasPrefix("#") ? String(text.dropFirst()) : text)
    if let entry = published.last(where: { $0.version == text })
      ?? published.first(where: { $0.id.value == number })
    {
      return entry
    }
    if let number, shelf.entry(PriceBookID(number)) != nil {
      throw .conflict("the import of price book \(number) was never finished: it has no effect")
    }
    let shown = text.clipped(toBytes: 128)
    throw .unknown(
      "no price book \"\(shown)\"\(NearestName.hint(text, among: published.map(\.version))); "
        + "`daybook prices list` shows them")
  }

  func book(_ id: PriceBookID) throws(AdministrationError) -> PriceBook {
    do throws(PriceModelError) { return try shelf.book(id) } catch {
      throw .failed("price book \(id.value) cannot be read by this version: \(error)")
    }
  }

  // MARK: - prices show

  /// One model's prices, and the rule that found it.
  public func show(_ arguments: JSONObject) throws(AdministrationError) -> [UInt8] {
    let given = try AdministrationArguments(arguments, known: ["model", "book"])
    let asked = try given.required("model")
    let entry = try entry(called: try given.text("book"))
    let book = try book(entry.id)
    guard let match = book.resolve(asked: asked, defaultModel: defaultModel) else {
      let shown = asked.clipped(toBytes: 128)
      let hint = NearestName.hint(asked, among: book.models.map(\.name))
      throw .unknown("price book \"\(entry.version)\" has no price of \"\(shown)\"\(hint)")
    }
    return JSONWriter.text { json in
      json.object { json in
        json.member("model", asked)
        Self.write(entry, to: &json)
        json.member("effective_from", optional: Self.effective(entry))
        json.member("price_rule", match.rule.name)
        json.member("priced_model", match.model.name)
        Self.write(match.model, to: &json)
      }
    }
  }

  private static func write(_ model: PriceModel, to json: inout JSONWriter) {
    json.member(
      "prices",
      array: { json in
        for (key, price) in model.prices.sorted(by: { $0.key < $1.key }) {
          json.object {
            $0.member("class", key.priceClass.name)
            $0.member("tier", key.tier.name)
            $0.member("above_input_tokens", Int64(key.aboveThousands) * 1000)
            $0.member("usd_per_million_tokens", perMillion(price))
            $0.member("usd_per_token", DecimalText.text(Int128(price.value), scale: 12))
          }
        }
      })
    json.member(
      "search_fees",
      array: { json in
        for size in SearchSize.allCases {
          guard let fee = model.searchFees[size] else { continue }
          json.object {
            $0.member("size", size.name)
            $0.member("usd", DecimalText.text(Int128(fee.value), scale: 12))
          }
        }
      })
    json.name("factors")
    json.object { json in
      for (name, factor) in model.factors.sorted(by: { $0.key < $1.key }) {
        json.member(name, DecimalText.text(Int128(factor.value), scale: 6))
      }
    }
    json.member("aliases", texts: model.aliases)
    json.name("unread_fields")
    json.raw(model.unknown)
  }

  /// "3" for 3 USD per million tokens.
  private static func perMillion(_ price: PicoUSD) -> String {
    DecimalText.text(Int128(price.value), scale: 6)
  }

  // MARK: - prices diff

  /// Compares two books; either may be the text of a price file instead.
  public func difference(_ arguments: JSONObject) throws(AdministrationError) -> [UInt8] {
    let given = try AdministrationArguments(
      arguments, known: ["from", "to", "from_text", "to_text"])
    let from = try side(given, "from")
    let to = try side(given, "to")
    let difference = PriceBookDifference(from: from.book, to: to.book)
    return JSONWriter.text { json in
      json.object { json in
        json.member("from", from.name)
        json.member("to", to.name)
        json.member("added", texts: difference.added)
        json.member("removed", texts: difference.removed)
        json.member(
          "changed",
          array: { json in
            for model in difference.changed { Self.write(model, to: &json) }
          })
        json.member("unchanged", difference.unchanged)
        json.member("problems", texts: from.problems + to.problems)
      }
    }
  }

  private struct Side {
    let name: String
    let book: PriceBook
    var problems: [String] = []
  }

  private func side(
    _ given: AdministrationArguments, _ name: String
  ) throws(AdministrationError) -> Side {
    let called = try given.text(name)
    guard let text = try given.text("\(name)_text") else {
      let entry = try entry(called: called)
      return Side(name: entry.version, book: try book(entry.id))
    }
    let file = called ?? "the file"
    do throws(ConfigurationError) {
      let read = try PriceImport(file: file, bytes: Array(text.utf8))
      return Side(name: read.version, book: read.book, problems: read.problems)
    } catch { throw .usage("\(error)") }
  }

  private static func write(_ model: PriceModelDifference, to json: inout JSONWriter) {
    json.object { json in
      json.member("model", model.model)
      json.member(
        "fields",
        array: { json in
          for field in model.fields {
            json.object {
              $0.member("field", field.field)
              $0.member("unit", unit(of: field))
              $0.member("before", optional: field.before.map { text($0, of: field) })
              $0.member("after", optional: field.after.map { text($0, of: field) })
            }
          }
        })
      json.member("aliases_added", texts: model.aliasesAdded)
      json.member("aliases_removed", texts: model.aliasesRemoved)
    }
  }

  private static func unit(of field: PriceFieldDifference) -> String {
    if field.isFactor { return "factor" }
    return field.field.hasPrefix("search_") ? "usd_per_search" : "usd_per_million_tokens"
  }

  private static func text(_ value: Int64, of field: PriceFieldDifference) -> String {
    DecimalText.text(Int128(value), scale: field.field.hasPrefix("search_") ? 12 : 6)
  }

  // MARK: - prices explain

  /// How the charge of a settlement came about, line by line.
  public func explain(
    _ arguments: JSONObject, _ files: LedgerFiles
  ) throws(AdministrationError) -> [UInt8] {
    let given = try AdministrationArguments(arguments, known: ["sequence"])
    guard let number = try given.integer("sequence", in: 1...Int64.max) else {
      throw .usage("sequence is missing: the number of a forward_settled event")
    }
    let sequence = SequenceNumber(UInt64(number))
    let event: Event?
    do throws(LedgerError) { event = try LedgerReader.event(at: sequence, in: files) } catch {
      if case .noSuchSequence = error { throw .unknown("\(error)") }
      throw AdministrationError(error)
    }
    let settlement: Settlement
    switch event?.payload {
    case let settled as ForwardSettled: settlement = settled.settlement
    case let settled as LateSettled: settlement = settled.settlement
    case let other:
      let name = other.map { type(of: $0).type.name } ?? "of an unknown type"
      throw .usage(
        "event \(number) is \(name); charges are in events of type forward_settled and late_settled"
      )
    }
    let explanation = ChargeExplanation(
      settlement, pricedModel: names.model(settlement.pricedModel),
      book: settlement.priceBook.isNone ? PriceBook(models: []) : try book(settlement.priceBook))
    return text(explanation, sequence, event?.time ?? Timestamp(microseconds: 0))
  }

  private func text(
    _ explanation: ChargeExplanation, _ sequence: SequenceNumber, _ time: Timestamp
  ) -> [UInt8] {
    let settlement = explanation.settlement
    let asked = names.model(settlement.model) ?? settlement.modelText
    let book = shelf.entry(settlement.priceBook)
    return JSONWriter.text { json in
      json.object { json in
        json.member("sequence", sequence.value)
        json.member("time", time.text(fraction: .microseconds))
        json.member("service_time", settlement.serviceTime.text(fraction: .microseconds))
        json.member("request_id", settlement.requestID.description)
        json.member("user", optional: names.user(settlement.party.user))
        json.member("key", optional: names.key(settlement.party.key))
        json.member("model", asked)
        json.member("priced_model", optional: names.model(settlement.pricedModel))
        json.member("price_book", optional: book?.version)
        json.member("price_rule", settlement.priceRule.name)
        json.member("service_tier", settlement.usage.serviceTier.name)
        json.member("above_input_tokens", Int64(settlement.inputTier) * 1000)
        json.member(
          "lines", array: { json in for line in explanation.lines { Self.write(line, &json) } })
        json.member("list_usd", money: explanation.list)
        json.member("multiplier", DecimalText.text(Int128(settlement.multiplier.value), scale: 6))
        json.member("charged_usd", money: explanation.charged)
        json.member("booked_list_usd", money: settlement.list)
        json.member("booked_charged_usd", money: settlement.charged)
        json.member("agrees", explanation.agrees)
        json.member("partial", settlement.isPartial)
        json.member("estimated", settlement.isEstimated)
        json.member(
          "reason", optional: settlement.reason == .none ? nil : settlement.reason.name)
        json.member("caveat", optional: explanation.caveat)
      }
    }
  }

  private static func write(_ line: ExplainedLine, _ json: inout JSONWriter) {
    let rating = line.rating
    json.object {
      $0.member("model", line.model)
      $0.member("class", rating.priceClass.name)
      $0.member("count", rating.count)
      $0.member("above_input_tokens", Int64(line.inputTier) * 1000)
      let isSearch = rating.priceClass == .webSearch
      $0.member("unit", isSearch ? "usd_per_search" : "usd_per_million_tokens")
      $0.member(
        "price",
        isSearch
          ? DecimalText.text(Int128(rating.unitPrice.value), scale: 12)
          : perMillion(rating.unitPrice))
      $0.member("speed_factor", DecimalText.text(Int128(rating.speedFactor.value), scale: 6))
      $0.member(
        "geography_factor", DecimalText.text(Int128(rating.geographyFactor.value), scale: 6))
      $0.member("amount_usd", money: rating.amount)
    }
  }
}
