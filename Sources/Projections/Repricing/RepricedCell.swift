// One cell of a re-pricing: what was booked on it, and what the other book says.
public import Ledger

/// A (user, key, group, target, model, service day) with what was booked and the new rating.
public struct RepricedCell: Equatable, Sendable {
  public internal(set) var key = CellKey()
  public internal(set) var subscription = SubscriptionID.none
  /// Settlements in it.
  public internal(set) var requests: Int64 = 0
  /// Settlements whose model the book prices; the others keep their charge.
  public internal(set) var matched: Int64 = 0
  /// As settled, without corrections.
  public internal(set) var bookedList = NanoUSD.zero
  public internal(set) var bookedCharged = NanoUSD.zero
  /// What earlier jobs added.
  public internal(set) var correctedList = NanoUSD.zero
  public internal(set) var correctedCharged = NanoUSD.zero
  /// By the other book.
  public internal(set) var newList = NanoUSD.zero
  public internal(set) var newCharged = NanoUSD.zero
  init() {}

  /// What stands on the cell today: settled and corrected.
  public var standingList: NanoUSD { NanoUSD(bookedList.value &+ correctedList.value) }
  public var standing: NanoUSD { NanoUSD(bookedCharged.value &+ correctedCharged.value) }
  /// What is missing to the new rating. A cell without any price in the book stays as it stands.
  public var listDelta: NanoUSD {
    matched == 0 ? .zero : NanoUSD(newList.value &- standingList.value)
  }
  public var chargedDelta: NanoUSD {
    matched == 0 ? .zero : NanoUSD(newCharged.value &- standing.value)
  }
  public var isChanged: Bool { listDelta != .zero || chargedDelta != .zero }

  /// Sums of charges of one cell: below 10^15 x requests. A cell that leaves Int64 is refused when
  /// its correction is appended, so wrapping here loses nothing.
  mutating func merge(_ other: RepricedCell) {
    subscription = max(subscription, other.subscription)
    requests &+= other.requests
    matched &+= other.matched
    bookedList.value &+= other.bookedList.value
    bookedCharged.value &+= other.bookedCharged.value
    correctedList.value &+= other.correctedList.value
    correctedCharged.value &+= other.correctedCharged.value
    newList.value &+= other.newList.value
    newCharged.value &+= other.newCharged.value
  }
}

/// A model that the other book does not price.
public struct UnmatchedModel: Equatable, Sendable {
  /// The model whose price was used when it was settled; "" = none.
  public let model: ModelID
  public internal(set) var requests: Int64
  public internal(set) var charged: NanoUSD
}
