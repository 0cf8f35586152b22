// The operations of /admin that ask history, or correct what it cost.

extension AdministrationOperation {
  static let history = [
    get("reprice/list", "The re-pricing jobs there were.", [], .one("RepricingJobs")),
    post(
      "reprice", "What history would have cost with other prices. A body may have 64 MB.",
      repricing + [parameter("all", .choice(["true", "false"]), "rows that stay the same, too")],
      .lines("Repriced")),
    post(
      "reprice/apply", "Books the differences as one job, all of them or none.",
      repricing + [must(reason)], .lines("Repriced")),
    post(
      "reprice/revert", "Takes a job back, exactly.",
      [must(parameter("job", .integer(1...4_294_967_295), "its number")), reason],
      .one("RepricingReverted")),
    post(
      "as-of", "A balance, subscription, key or usage as it stood then.",
      [
        must(
          parameter("what", .choice(["balance", "subscription", "usage", "key"]), "what to tell")),
        must(parameter("name", .text, "of which user, or of which key")),
        parameter("sequence", .integer(1...Int.max), "as it stood after this event"),
        parameter("time", .text, "as it stood then: RFC 3339 or \"now\""),
      ], .lines("AsOf")),
    post(
      "statement", "A user's month, by booking time.",
      [
        must(user), parameter("month", .text, "YYYY-MM; this month when absent"),
        parameter("format", .choice(["json", "csv", "html"]), "csv and html come as text"),
      ], .lines("Statement")),
  ]

  private static let repricing = [
    parameter("text", .text, "a price file in LiteLLM's format; or name a book"),
    parameter("file", .text(longest: 256), "the file's name"),
    parameter("book", .text, "a book's number or version"),
    parameter("from", .text, "first service day, YYYY-MM-DD"),
    parameter("to", .text, "last service day, inclusive"), user, keyName,
    parameter("model", .text, "the model whose price was used"),
    parameter("group", .text, "id or name"),
  ]
}
