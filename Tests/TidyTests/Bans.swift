// Words that do not belong into this code, each with what to use in its place.

/// One banned pattern and where it is banned.
struct Ban: Sendable {
  let pattern: Pattern
  let instead: String
  /// Path prefixes the ban covers.
  let places: [String]
  /// Path prefixes it spares.
  let except: [String]
  /// Comments and literals are looked at too.
  let inComments: Bool

  init(
    pattern: String, instead: String, places: [String], except: [String] = [],
    inComments: Bool = false
  ) {
    self.pattern = Pattern(pattern)
    self.instead = instead
    self.places = places
    self.except = except
    self.inComments = inComments
  }

  func covers(_ path: String) -> Bool {
    places.contains(where: path.hasPrefix) && !except.contains(where: path.hasPrefix)
  }
}

enum Bans {
  private static let sources = ["Sources/"]
  private static let onRequestOrReplayPath = [
    "Sources/Base/", "Sources/Ledger/", "Sources/Projections/", "Sources/HTTP/",
    "Sources/Gateway/", "Sources/Sandbox/",
  ]
  private static let onReactors = ["Sources/HTTP/", "Sources/Gateway/", "Sources/Sandbox/"]
  private static let code = ["Sources/", "Tests/", "Benchmarks/", "Fuzz/", "Package.swift"]
  /// This folder names the words it looks for.
  private static let here = ["Tests/TidyTests/"]

  static let all: [Ban] = slow + concurrency + traps + system + testing + unfinished

  /// Foundation's slow or locale-dependent ways.
  private static var slow: [Ban] {
    [
      Ban(
        pattern: #"\bData\("#, instead: "[UInt8] or Span<UInt8>", places: onRequestOrReplayPath),
      Ban(
        pattern: #"\bString\(format:"#, instead: "interpolation or Base's decimal text",
        places: sources),
      Ban(
        pattern: #"\bDateFormatter\b"#, instead: "Base/Time's RFC 3339 text", places: sources),
      Ban(
        pattern: #"\bISO8601DateFormatter\b"#, instead: "Base/Time's RFC 3339 text", places: sources
      ),
      Ban(
        pattern: #"\bJSON(?:Decoder|Encoder|Serialization)\b"#, instead: "Base/JSON",
        places: sources),
      Ban(
        pattern: #"\bpublic import Foundation"#, instead: "an internal import", places: code),
    ]
  }

  private static var concurrency: [Ban] {
    [
      Ban(
        pattern: #"\bDispatch(?:Queue|Semaphore|Group|WorkItem|Source)\b"#,
        instead: "a reactor, or Base/System's Thread", places: sources),
      Ban(
        pattern: #"\bTask\.detached\b"#, instead: "Task.immediate(executorPreference:)",
        places: sources),
      Ban(
        pattern: #"\bTask\s*(?:\([^)]*\)\s*)?\{"#,
        instead: "Task.immediate(executorPreference:): a bare task leaves the reactor",
        places: onReactors),
      Ban(
        pattern: #"@concurrent\b"#, instead: "code on the reactor: it leaves it", places: onReactors
      ),
      Ban(
        pattern: #"\bNS(?:Recursive)?Lock\b"#, instead: "Synchronization.Mutex", places: code,
        except: here),
      Ban(
        pattern: #"\bpthread_mutex_\w+"#, instead: "Synchronization.Mutex", places: code,
        except: here + ["Sources/Base/System/"]),
    ]
  }

  private static var traps: [Ban] {
    [
      Ban(pattern: #"\btry!"#, instead: "try, or do and catch", places: sources),
      Ban(
        pattern: #"\bas!"#, instead: "as? with a case for nil", places: sources),
      Ban(
        pattern: #"\bfatalError\(\s*\)"#, instead: "fatalError(\"why\") or precondition",
        places: code),
      Ban(
        pattern: #"\bunsafeFlags\b"#, instead: "a documented setting", places: code, except: here),
    ]
  }

  private static var system: [Ban] {
    [
      Ban(
        pattern: #"(?:^|[^\w.@]|Glibc\.)(?:open|openat|creat|fopen|opendir|mkdir|mkdirat|rename"#
          + #"|renameat|flock|fdatasync|fsync|ftruncate|pwrite|pwritev|pread)\("#,
        instead: "the FileSystem of Base/System: it is a parameter everywhere",
        places: onRequestOrReplayPath, except: ["Sources/Base/System/"]),
      Ban(
        pattern: #"\bFileManager\b"#, instead: "the FileSystem of Base/System",
        places: onRequestOrReplayPath),
      Ban(
        pattern: #"\b(?:print|debugPrint|dump)\("#, instead: "the log, or a returned value",
        places: code,
        except: here + ["Sources/Daybook/", "Benchmarks/", "Package.swift"]),
    ]
  }

  private static var testing: [Ban] {
    [
      Ban(
        pattern: #"(?:^|[^\w.]|Glibc\.|Thread\.|Task\.)(?:usleep|nanosleep|sleep)\("#,
        instead: "a manual clock, or wait for the thing itself", places: ["Tests/", "Fuzz/"],
        except: here),
      Ban(
        pattern: #"\bimport XCTest\b"#, instead: "Swift Testing", places: ["Tests/"], except: here),
    ]
  }

  private static var unfinished: [Ban] {
    [
      Ban(
        pattern: #"\b(?:TODO|FIXME|XXX|HACK)\b"#, instead: "finished work", places: code,
        except: here, inComments: true),
      Ban(
        pattern: #"(?i)\bplaceholder\b|\bfor now\b|\bnot (?:yet )?implemented\b|\bunimplemented\b"#,
        instead: "finished work", places: code, except: here, inComments: true),
      Ban(
        pattern: #"(?i)\bissue #?\d+\b"#, instead: "the rule itself; the history is git's",
        places: code, except: here, inComments: true),
    ]
  }

  static func check(_ source: MaskedSource, bans: [Ban] = Bans.all) -> [Finding] {
    var findings: [Finding] = []
    for ban in bans where ban.covers(source.path) {
      let text = (ban.inComments ? source.lines : source.code).joined(separator: "\n")
      for match in ban.pattern.matches(in: text) where !isDeclaration(text, match.range) {
        let word = match.texts[0].drop { "\n (".contains($0) }
        findings.append(
          Finding(path: source.path, line: match.line, message: "`\(word)`: use \(ban.instead)"))
      }
    }
    return findings
  }

  /// `func open(` declares a method of that name, it does not call open(2).
  private static func isDeclaration(_ text: String, _ range: Range<String.Index>) -> Bool {
    text[..<range.lowerBound].hasSuffix("func")
  }
}
