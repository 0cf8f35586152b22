// Benchmarks: the yardsticks of the project, each measured beside its rival in the same run.
//
//   Benchmarks [--smoke] [--details] [--keep] [--seed N] [--events N] [NAME ...]
//
// --smoke runs each once and tiny, so that they never rot; its figures mean nothing.
// --events N is the length of the long history (10,000,000). --details prints what some figures
// are made of, --keep leaves the files of the run.
import Glibc

enum Program {
  static var all: [any Benchmark.Type] {
    [
      DurableAppend.self, LogSize.self, TreeSpeed.self, Replay.self, PastQuestions.self, Start.self,
      Questions.self,
      RebuildMemory.self, UsageEndpoint.self, Proxies.self,
      Streams.self, SlowReaders.self, BodyParsing.self,
    ]
  }

  static func usage(_ problem: String? = nil) -> Never {
    if let problem { say(problem) }
    say("usage: Benchmarks [--smoke] [--details] [--keep] [--seed N] [--events N] [NAME ...]")
    for benchmark in all { say("  \(benchmark.name): \(benchmark.about)") }
    exit(problem == nil ? 0 : 2)
  }

  static func parse() -> Run {
    let run = Run()
    var arguments = CommandLine.arguments.dropFirst()
    while let argument = arguments.popFirst() {
      switch argument {
      case "--smoke": run.isSmoke = true
      case "--details": run.wantsDetails = true
      case "--keep": run.keepsFiles = true
      case "--help": usage()
      case "--seed":
        guard let text = arguments.popFirst(), let seed = UInt64(text) else { usage("--seed N") }
        run.seed = seed
      case "--events":
        guard let text = arguments.popFirst(), let events = Int(text), events >= 1000 else {
          usage("--events N, at least 1000")
        }
        run.longEvents = events
      default:
        guard all.contains(where: { $0.name == argument }) else {
          usage("there is no benchmark \(argument)")
        }
        run.wanted.append(argument)
      }
    }
    return run
  }

  static func main() -> Int32 {
    switch CommandLine.arguments.dropFirst().first {
    case CannedUpstream.command: return beUpstream()
    case RebuildMemory.command: return holdState()
    default: break
    }
    let run = parse()
    var failures = 0
    for benchmark in all where run.wanted.isEmpty || run.wanted.contains(benchmark.name) {
      run.report.say("\(benchmark.name): \(benchmark.about)")
      do { try benchmark.run(run) } catch {
        failures += 1
        run.report.skip(benchmark.name, because: "it failed: \(error)")
      }
    }
    run.report.finish()
    return failures == 0 ? 0 : 1
  }

  private static func beUpstream() -> Int32 {
    let numbers = CommandLine.arguments.dropFirst(2).compactMap { Int($0) }
    do { try CannedUpstream.serve(numbers) } catch {
      say("\(error)")
      return 1
    }
  }

  private static func holdState() -> Int32 {
    do { try RebuildMemory.holdState(Array(CommandLine.arguments.dropFirst(2))) } catch {
      say("\(error)")
      return 1
    }
    return 0
  }

  /// To standard error.
  private static func say(_ text: String) {
    let bytes = Array("\(text)\n".utf8)
    _ = write(2, bytes, bytes.count)
  }
}
