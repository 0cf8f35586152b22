// Decimal text to scaled integers and back.
import Testing

@testable import Base

@Suite struct `Decimal text` {
  @Test(arguments: [
    ("0", 9, Int128(0)), ("-0", 9, 0), ("10.25", 9, 10_250_000_000), ("-10.25", 9, -10_250_000_000),
    ("2e-07", 12, 200_000), ("4E-06", 12, 4_000_000), ("1.25e2", 0, 125), ("0.000001e6", 0, 1),
    ("007.50", 2, 750),
    ("1e37", 0, Int128(10_000_000_000_000) * 1_000_000_000_000 * 1_000_000_000_000),
    ("0e999999999999999999999", 3, 0), ("12300e-2", 0, 123), ("0.00", 0, 0), ("100", 0, 100),
  ])
  func `an exact number is scaled exactly`(text: String, scale: Int, expected: Int128) throws {
    let number = try DecimalText.parse(text, scale: scale)
    #expect(number == ScaledDecimal(value: expected, isExact: true))
  }

  @Test(arguments: [
    ("0.5", Int128(0)), ("1.5", 2), ("2.5", 2), ("2.5000000000000000000000001", 3), ("2.49999", 2),
    ("-2.5", -2), ("-3.5", -4), ("0.05", 0), ("0.51", 1), ("1e-999999999999", 0), ("9.5", 10),
    ("0.00000000000000000000000000000000000000000000000005", 0),
  ])
  func `digits beyond the scale are rounded half to even and reported`(
    text: String, expected: Int128
  ) throws {
    let number = try DecimalText.parse(text, scale: 0)
    #expect(number == ScaledDecimal(value: expected, isExact: false))
  }

  @Test func `the noise of a floating point number is rounded once`() throws {
    #expect(try DecimalText.parse("1.2500000000000001e-06", scale: 12).value == 1_250_000)
    #expect(try DecimalText.parse("2.9999999999999997e-07", scale: 12).value == 300_000)
  }

  @Test(arguments: ["1e38", "1e999999999999999999", "123456789012345678901234567890123456789"])
  func `a number beyond 38 digits is too large`(text: String) {
    #expect(throws: DecimalError.tooLarge) { try DecimalText.parse(text, scale: 0) }
  }

  @Test(arguments: [
    "", "-", "+1", ".5", "1.", "1.e5", "1e", "1e+", "e5", "1 ", " 1", "1,5", "NaN", "0x5", "1-",
    "--1",
    "1.2.3", "1e5.0",
  ])
  func `what is no decimal number is malformed`(text: String) {
    #expect(throws: DecimalError.malformed) { try DecimalText.parse(text, scale: 0) }
  }

  @Test func `a hundred thousand digits are read in one pass`() throws {
    let long = "0." + String(repeating: "3", count: 100_000)
    #expect(try DecimalText.parse(long, scale: 3).value == 333)
  }

  @Test(arguments: [
    (Int128(10_250_000_000), 9, "10.25"), (-1, 9, "-0.000000001"), (0, 9, "0"),
    (5, 0, "5"), (1_000_000_000, 9, "1"), (-1_500_000_000, 9, "-1.5"),
    (Int128(Int64.min), 9, "-9223372036.854775808"),
    (.min, 38, "-1.70141183460469231731687303715884105728"),
  ])
  func `a scaled integer is written with all digits and no more`(
    value: Int128, scale: Int, expected: String
  ) {
    #expect(DecimalText.text(value, scale: scale) == expected)
  }

  @Test func `random amounts go there and back`() throws {
    var random = SeededGenerator(seed: 7)
    for _ in 0..<1000 {
      let value = Int128(Int64(truncatingIfNeeded: random.next()))
      let text = DecimalText.text(value, scale: 9)
      #expect(
        try DecimalText.parse(text, scale: 9) == ScaledDecimal(value: value, isExact: true),
        "seed 7: \(text)")
    }
  }
}
