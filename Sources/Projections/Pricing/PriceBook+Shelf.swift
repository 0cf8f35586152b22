// From the price_set events that the shelf holds to a book that can be asked.
public import Ledger

extension PriceShelf {
  /// The book of these events, ready to match and rate; meant to be kept, not made per request.
  /// - Throws: prices this version cannot read: the log was written by a later one.
  public func book(_ id: PriceBookID) throws(PriceModelError) -> PriceBook {
    var models: [PriceModel] = []
    for row in prices(of: id) {
      models.append(
        try PriceModel(
          name: row.model, pricesText: row.prices, aliasesText: row.aliases,
          unknownText: row.unknown))
    }
    return PriceBook(models: models)
  }
}
