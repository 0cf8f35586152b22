// Rating by the table of a model's prices says what rating line by line says.
import Base
import Ledger
import Testing

@testable import Projections

@Suite struct RateCardTests {
  @Test func `a card rates like the rules, for all models of the built-in book`() throws {
    let seed = UInt64.random(in: 0..<1 << 40)
    var random = SeededRandom(seed: seed)
    func count(_ random: inout SeededRandom) -> Int64 {
      switch random.next() % 4 {
      case 0: 0
      case 1: Int64(random.next() % 3_000)
      case 2: Int64(random.next() % 300_000)
      default: Int64(random.next() % 1_000_000_001)
      }
    }
    for model in PriceBook.builtIn.models {
      let card = RateCard(model)
      for _ in 0..<40 {
        var usage = TokenUsage()
        usage.input = count(&random)
        usage.output = count(&random)
        usage.cacheRead = count(&random)
        usage.cacheWrite5m = count(&random)
        usage.cacheWrite1h = count(&random)
        usage.webSearches = Int64(random.next() % 4)
        usage.serviceTier = ServiceTier.allCases[Int(random.next() % 7)]
        usage.speed = random.next() % 5 == 0 ? .fast : .standard
        usage.geography = random.next() % 5 == 0 ? .us : .none
        let plain = Result { () throws(RatingError) in try Rating.rate(usage, at: model).list }
        let quick = Result { () throws(RatingError) in try card.list(usage) }
        #expect(plain == quick, "seed \(seed), \(model.name), \(usage)")
      }
    }
  }

  @Test func `a count that is none, or beyond the limit, is out of range`() throws {
    let card = RateCard(try #require(PriceBook.builtIn.models.first))
    for bad in [-1, TokenUsage.countLimit + 1] {
      var usage = TokenUsage()
      usage.input = bad
      #expect(throws: RatingError.outOfRange) { try card.list(usage) }
    }
  }
}
