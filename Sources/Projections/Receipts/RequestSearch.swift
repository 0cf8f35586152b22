// From a request's id to its events. The id is a ULID: it begins with the time the request came,
// and times in the log never decrease. So the place is found by halving the log and reading on.
import Base
public import Ledger

/// Where a request's events are.
public struct FoundRequest: Equatable, Sendable {
  public var admission: SequenceNumber
  /// The event that closed it; nil while it is open, or beyond where was looked.
  public var closing: SequenceNumber?
  /// Whether the billing check refused it: then nothing closes it.
  public var isRefused = false
  /// The billing check that refused it.
  public var refusal: SequenceNumber? { isRefused ? admission : nil }
}

public enum RequestSearch {
  /// A request may wait so long for its slot before its billing check: 1 hour in microseconds.
  private static let longestWait: Int64 = 3_600_000_000
  /// A request may run so long until it is closed: 1 day.
  private static let longestRun: Int64 = 86_400_000_000

  /// Finds a request, admitted or refused, by its id; nil when there is none.
  public static func find(
    _ id: ULID, in files: LedgerFiles
  ) throws(LedgerError) -> FoundRequest? {
    let began = Int64(id.high >> 16) * 1000
    guard let start = try first(notBefore: began, in: files) else { return nil }
    var reader = LedgerReader(files, from: start)
    var found: FoundRequest?
    while var batch = try reader.next() {
      while let record = batch.next() {
        let time = record.time.microseconds
        guard let known = found else {
          if time - began > longestWait { return nil }
          if record.type == RecordType.billingChecked.rawValue,
            BillingCheckedView(record).requestID == id
          {
            found = FoundRequest(admission: batch.sequence)
            if !BillingCheckedView(record).allowed {
              found?.isRefused = true
              return found
            }
          }
          continue
        }
        if RecordType(rawValue: record.type)?.closesAdmission == true,
          record.admission == known.admission
        {
          found?.closing = batch.sequence
          // An unknown outcome may be settled later: then that is what counts.
          if record.type != RecordType.outcomeUnknown.rawValue { return found }
        }
        if time - began > longestRun { return found }
      }
    }
    return found
  }

  /// The first event that is not before a time, in microseconds since 1970; nil when all are.
  public static func first(
    notBefore time: Int64, in files: LedgerFiles
  ) throws(LedgerError) -> SequenceNumber? {
    guard let oldest = files.segments.first else { return nil }
    var (low, high) = (oldest.value, files.durable.value + 1)
    while low < high {
      let middle = low + (high - low) / 2
      var reader = LedgerReader(files, from: SequenceNumber(middle))
      guard var batch = try reader.next(), let record = batch.next() else { break }
      if record.time.microseconds >= time { high = middle } else { low = middle + 1 }
    }
    return low <= files.durable.value ? SequenceNumber(low) : nil
  }
}

extension RecordType {
  /// Whether it ends a request that was admitted.
  var closesAdmission: Bool {
    switch self {
    case .forwardSettled, .forwardFailed, .requestIntercepted, .fallbackGroupUsed,
      .outcomeUnknown, .lateSettled:
      true
    default: false
    }
  }
}
