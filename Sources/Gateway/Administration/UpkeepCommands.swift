// Commands that look after the ledger's files: compact, backup.
import Base
public import Ledger
public import Projections

extension AdministrationService {
  func compact(_ report: @escaping Report) throws(AdministrationError) -> [UInt8] {
    do throws(LiveLedgerError) {
      return UpkeepAnswer.json(try live.compact { report($0, $1) })
    } catch {
      throw AdministrationError(error)
    }
  }

  /// {"directory": an absolute path on this machine}: for the local socket only.
  func backup(
    _ arguments: JSONObject, _ report: @escaping Report
  ) throws(AdministrationError) -> [UInt8] {
    let given = try AdministrationArguments(arguments, known: ["directory"])
    let path = try given.required("directory")
    guard path.hasPrefix("/") else { throw .usage("directory must be an absolute path") }
    do throws(LedgerError) {
      let done = try Backup.run(
        live.files, to: path, on: live.files.directory.files, now: clock.now()
      ) { report($0, $1) }
      return UpkeepAnswer.json(done)
    } catch {
      throw AdministrationError(error)
    }
  }
}

/// The answers of upkeep commands.
public enum UpkeepAnswer {
  public static func json(_ report: CompactionReport) -> [UInt8] {
    JSONWriter.text {
      $0.object {
        $0.member("segments_before", report.segmentsBefore)
        $0.member("segments", report.segmentsAfter)
        $0.member("bytes_before", report.bytesBefore)
        $0.member("bytes", report.bytesAfter)
        $0.member("out_of_room", report.isOutOfRoom)
      }
    }
  }

  public static func json(_ report: BackupReport) -> [UInt8] {
    JSONWriter.text {
      $0.object {
        $0.member("last_sequence", report.last.value)
        $0.member("files", report.files)
        $0.member("bytes", report.bytes)
        $0.member("copied_bytes", report.copiedBytes)
      }
    }
  }

  public static func json(_ report: RestoreReport) -> [UInt8] {
    JSONWriter.text {
      $0.object {
        $0.member("last_sequence", report.last.value)
        $0.member("bytes", report.bytes)
        $0.member("events", report.verification.records)
        $0.member("root", optional: report.verification.root.map { Base64.encode($0.bytes) })
        $0.member("keeps_tree", report.keepsTree)
        $0.member("log", report.origin)
      }
    }
  }

  /// - Parameter kept: files in cut/ that keep what was removed; nil = nothing was changed.
  public static func json(_ plan: RepairPlan, kept: [String]?) -> [UInt8] {
    JSONWriter.text { json in
      json.object { json in
        json.member("needed", plan.isNeeded)
        json.member("applied", kept != nil)
        json.member("keeps_through", plan.keeps.value)
        json.member("lost_events", plan.lostEvents)
        json.member("acknowledged_through", plan.confirmed.value)
        json.member("signed_events", plan.signed)
        json.member("ends_tree", plan.endsTree)
        json.member(
          "cuts",
          array: { json in
            for cut in plan.cuts {
              json.object {
                $0.member("segment", cut.segment.value)
                $0.member("offset", cut.offset)
                $0.member("bytes", cut.byteCount)
              }
            }
          })
        json.member(
          "damages",
          array: { json in
            for damage in plan.damages {
              json.object {
                $0.member("segment", damage.segment)
                $0.member("offset", damage.offset)
                $0.member("sequence", damage.sequence.value)
                $0.member("what", damage.what)
              }
            }
          })
        json.member("kept_in_cut", texts: kept ?? [])
      }
    }
  }
}
