// Reading the entries of `groups` and `accounts`.
import Base
import Ledger

extension GroupSettings {
  static let keys = [
    "name", "platform", "type", "rate_multiplier", "daily_limit_usd", "weekly_limit_usd",
    "monthly_limit_usd", "fallback_group",
  ]

  init(_ value: JSONValue, at path: [ConfigurationStep]) throws(ConfigurationProblem) {
    let object = try ConfigurationObject(value, at: path, known: Self.keys)
    let type = try object.requiredString("type")
    let target: PaymentTarget
    switch type {
    case "balance": target = .balance
    case "subscription": target = .subscription
    default: throw object.wrongChoice("type", type, ["balance", "subscription"])
    }
    self.init(
      name: try object.name("name"), platform: try object.platform("platform"), target: target)
    try object.multiplier("rate_multiplier", into: &multiplier)
    try object.money("daily_limit_usd", into: &dailyLimit)
    try object.money("weekly_limit_usd", into: &weeklyLimit)
    try object.money("monthly_limit_usd", into: &monthlyLimit)
    fallbackGroup = try object.string("fallback_group")
  }
}

extension AccountSettings {
  static let keys = [
    "name", "platform", "groups", "base_url", "credential", "auth", "priority", "concurrency",
    "models", "intercept_warmup", "mixed", "project", "proxy",
  ]

  init(
    _ value: JSONValue, at path: [ConfigurationStep], folder: String
  ) throws(ConfigurationProblem) {
    let object = try ConfigurationObject(value, at: path, known: Self.keys)
    guard let groups = try object.strings("groups") else {
      throw ConfigurationProblem(path: path, reason: "\"groups\" is missing")
    }
    self.init(
      name: try object.name("name"), platform: try object.platform("platform"), groups: groups,
      baseURL: try Self.baseURL(object), credential: try Self.credential(object, folder: folder))
    if let auth = try object.string("auth") {
      switch auth {
      case "x-api-key": usesBearer = false
      case "bearer", "Bearer": usesBearer = true
      default: throw object.wrongChoice("auth", auth, ["x-api-key", "bearer"])
      }
    }
    try object.integer32("priority", in: -1_000_000...1_000_000, into: &priority)
    try object.integer32("concurrency", in: 1...1_000_000, into: &concurrency)
    try object.bool("intercept_warmup", into: &interceptsWarmup)
    try object.bool("mixed", into: &isMixed)
    project = try object.string("project")
    if let url = try object.string("proxy") {
      if let reason = UpstreamURL.problem(url, schemes: ["http", "https", "socks5", "socks5h"]) {
        throw object.problem("proxy", reason)
      }
      proxy = url
    }
    models = try Self.models(object)
  }

  private static func baseURL(_ object: ConfigurationObject) throws(ConfigurationProblem) -> String
  {
    var url = try object.requiredString("base_url")
    if let reason = UpstreamURL.problem(url, schemes: ["http", "https"]) {
      throw object.problem("base_url", reason)
    }
    while url.hasSuffix("/") { url.removeLast() }
    return url
  }

  private static func credential(
    _ object: ConfigurationObject, folder: String
  ) throws(ConfigurationProblem) -> CredentialSource {
    let text = try object.requiredString("credential")
    if let source = CredentialSource(text, folder: folder) { return source }
    // The text itself may be a credential: it must not get into an error message.
    throw object.problem(
      "credential",
      "must say where the credential is: \"env:NAME\" or \"file:PATH\", never the credential itself"
    )
  }

  private static func models(
    _ object: ConfigurationObject
  ) throws(ConfigurationProblem) -> [ModelMapping] {
    guard let map = try object.object("models", known: []) else { return [] }
    var models: [ModelMapping] = []
    for asked in map.keys {
      let sent = try map.requiredString(asked)
      for name in [asked, sent] where !NameRule.isModel(name) {
        throw map.problem(asked, "a model name has 1 to 256 bytes and no control characters")
      }
      if asked.dropLast().contains("*") {
        throw map.problem(asked, "a `*` may stand only at the end of a model name")
      }
      models.append(ModelMapping(asked: asked, sent: sent))
    }
    return models
  }
}

extension CredentialSource {
  /// Reads `env:NAME`, `file:PATH` (relative paths are taken from `folder`), `none`.
  init?(_ text: String, folder: String) {
    if text == "none" {
      self = .none
    } else if text.hasPrefix("env:"), text.utf8.count > 4,
      text.utf8.allSatisfy({ $0 > 32 && $0 < 127 && $0 != UInt8(ascii: "=") })
    {
      self = .environment(String(text.dropFirst(4)))
    } else if text.hasPrefix("file:"), text.utf8.count > 5 {
      self = .file(Configuration.absolute(String(text.dropFirst(5)), folder: folder))
    } else {
      return nil
    }
  }
}
