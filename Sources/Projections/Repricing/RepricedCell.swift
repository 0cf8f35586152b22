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
  /// By the other book; settlements that it does not price as they were settled. Wide: millions of
  /// greatest charges leave Int64.
  var newList: Int128 = 0
  var newCharged: Int128 = 0
  /// What the settlements were charged that the book does not price.
  var unmatchedCharged = NanoUSD.zero
  init() {}

  /// What stands on the cell today: settled and corrected.
  public var standingList: NanoUSD { NanoUSD(bookedList.value &+ correctedList.value) }
  public var standing: NanoUSD { NanoUSD(bookedCharged.value &+ correctedCharged.value) }
  /// Whether it stays as it stands: without any price in the book; where the new sums leave the
  /// ledger's range; and where the book prices a part of it only while earlier jobs corrected the
  /// whole, since nobody can tell whose correction that was.
  public var isKept: Bool {
    if matched == 0 || Int64(exactly: newList) == nil || Int64(exactly: newCharged) == nil {
      return true
    }
    let isCorrected = correctedList != .zero || correctedCharged != .zero
    return matched < requests && isCorrected
  }
  /// What is missing to the new rating.
  public var listDelta: NanoUSD { delta(newList, standingList) }
  public var chargedDelta: NanoUSD { delta(newCharged, standing) }
  private func delta(_ new: Int128, _ standing: NanoUSD) -> NanoUSD {
    isKept ? .zero : NanoUSD(Int64(clamping: new - Int128(standing.value)))
  }
  /// What stays of it as booked because the book does not price it.
  var keptCharged: NanoUSD { matched == 0 ? standing : unmatchedCharged }
  public var isChanged: Bool { listDelta != .zero || chargedDelta != .zero }

  /// Sums of what was booked are those of the ledger: they fit.
  mutating func merge(_ other: RepricedCell) {
    subscription = max(subscription, other.subscription)
    requests &+= other.requests
    matched &+= other.matched
    bookedList.value &+= other.bookedList.value
    bookedCharged.value &+= other.bookedCharged.value
    correctedList.value &+= other.correctedList.value
    correctedCharged.value &+= other.correctedCharged.value
    newList += other.newList
    newCharged += other.newCharged
    unmatchedCharged.value &+= other.unmatchedCharged.value
  }
}

/// A model that the other book does not price.
public struct UnmatchedModel: Equatable, Sendable {
  /// The model whose price was used when it was settled; "" = none.
  public let model: ModelID
  public internal(set) var requests: Int64
  /// What stays booked for them.
  public internal(set) var charged: NanoUSD
}
