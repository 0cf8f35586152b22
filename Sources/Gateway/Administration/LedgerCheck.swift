// `verify`: the whole log walked and believed nowhere, with what is inside of its records.
public import Ledger
import Base
import Projections
import Synchronization

public enum LedgerCheck {
  /// Verifies a ledger.
  /// - Parameters:
  ///   - limit: where the log ends while a writer is at work; nil = where the files do.
  ///   - confirmed: the greatest sequence known to have been acknowledged.
  ///   - published: a head that was kept elsewhere.
  ///   - report: told the bytes walked and the bytes there are, on several threads.
  /// - Returns: one JSON object; `intact` says whether all is well.
  public static func run(
    at directory: LedgerDirectory, until limit: SequenceNumber?,
    confirmed: SequenceNumber = .none, published: TreeHead? = nil,
    _ report: @escaping AdministrationService.Report
  ) throws(LedgerError) -> [UInt8] {
    var request = VerificationRequest.ofEvents
    request.limit = limit
    request.confirmed = confirmed
    request.published = published
    request.threads = max(2, ProcessFacts.cores)
    let total = size(of: directory)
    let walked = Walked()
    request.progress = { report(walked.add(UInt64($0)), total) }
    let found = try Verification.run(directory.files, at: directory.path, request)
    return JSONWriter.text {
      $0.object {
        $0.member("intact", found.damages.isEmpty)
        $0.member("segments", found.segments)
        $0.member("sealed_segments", found.sealedSegments)
        $0.member("blocks", found.blocks)
        $0.member("events", found.records)
        $0.member("last_sequence", found.last.value)
        $0.member("record_bytes", found.rawBytes)
        $0.member("file_bytes", found.fileBytes)
        $0.section("control_totals") {
          write("charges", found.totals.charges, to: &$0)
          write("credits", found.totals.credits, to: &$0)
          write("corrections", found.totals.corrections, to: &$0)
        }
        $0.member("root", optional: found.root.map { Base64.encode($0.bytes) })
        $0.member("heads_checked", found.heads)
        $0.member(
          "damages",
          array: {
            for damage in found.damages {
              $0.object {
                $0.member("segment", damage.segment)
                $0.member("offset", damage.offset)
                $0.member("sequence", damage.sequence.value)
                $0.member("what", damage.what)
              }
            }
          })
      }
    }
  }

  /// The head in a signed note that was kept elsewhere; nil without one.
  public static func published(
    _ note: String?, vkey: String?, own: NoteVerifier?
  ) throws(AdministrationError) -> TreeHead? {
    guard let note else { return nil }
    do throws(LedgerError) {
      var verifier = own
      if let vkey { verifier = try NoteVerifier(vkey: vkey) }
      guard let verifier else { throw .tree("no head was ever signed here: name the key, too") }
      return try TreeHead(note: note, by: verifier)
    } catch { throw .usage("\(error)") }
  }

  private static func write(
    _ name: String, _ line: ControlTotals.Line, to json: inout JSONWriter
  ) {
    json.section(name) {
      $0.member("count", line.count)
      $0.member("sum_usd", money: NanoUSD(line.sum))
    }
  }

  private static func size(of directory: LedgerDirectory) -> UInt64 {
    let folder = directory.path + "/segments"
    let names = (try? directory.files.list(folder)) ?? []
    return names.reduce(0) { sum, name in
      let status = try? directory.files.status(of: "\(folder)/\(name)")
      return sum + UInt64(max(0, status?.size ?? 0))
    }
  }
}

/// Bytes walked so far, by all threads.
private final class Walked: Sendable {
  private let bytes = Atomic<UInt64>(0)
  func add(_ more: UInt64) -> UInt64 {
    bytes.add(more, ordering: .relaxed).newValue
  }
}
