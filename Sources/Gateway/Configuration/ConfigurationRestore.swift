// A configuration without a file: as the ledger recorded it last, or the first one of all.
import Base
import Ledger
public import Projections

extension Configuration {
  /// What the ledger recorded last; nil when it never recorded a configuration.
  /// - Throws: when a newer version recorded something this one does not understand.
  public init?(recordedIn books: borrowing Books) throws(ConfigurationError) {
    guard books.settings != "{}" else { return nil }
    let source = "the configuration recorded in the ledger"
    try self.init(parsing: Array(books.settings.utf8), file: source, folder: "/")
    timeZone = books.zoneName
    do {
      groups = books.catalog.allGroups.filter(\.isActive).map { GroupSettings($0, books.catalog) }
      for entry in books.accounts.all where entry.declared.isActive {
        accounts.append(try AccountSettings(entry.declared))
      }
      try check()
    } catch {
      throw ConfigurationError(
        file: source,
        reason: "\(error.text); start with --config FILE to declare it anew")
    }
  }

  /// The configuration of a first start without a file: one balance group, one account.
  /// - Parameter usesAnthropic: the account is api.anthropic.com with the credential in
  ///   ANTHROPIC_API_KEY; else it is the built-in sandbox.
  public static func initial(usesAnthropic: Bool) -> Configuration {
    var configuration = Configuration()
    configuration.groups = [
      GroupSettings(name: "default", platform: .anthropic, target: .balance)
    ]
    configuration.accounts = [
      usesAnthropic
        ? AccountSettings(
          name: "anthropic", platform: .anthropic, groups: ["default"],
          baseURL: "https://api.anthropic.com", credential: .environment("ANTHROPIC_API_KEY"))
        : AccountSettings(
          name: "sandbox", platform: .anthropic, groups: ["default"],
          baseURL: AccountSettings.sandboxURL, credential: .none)
    ]
    return configuration
  }
}

extension GroupSettings {
  fileprivate init(_ entry: GroupEntry, _ catalog: Catalog) {
    self.init(name: entry.name, platform: entry.platform, target: entry.target)
    multiplier = entry.multiplier
    dailyLimit = entry.dailyLimit
    weeklyLimit = entry.weeklyLimit
    monthlyLimit = entry.monthlyLimit
    fallbackGroup = catalog.group(entry.fallback)?.name
  }
}

extension AccountSettings {
  fileprivate init(_ declared: AccountDeclared) throws(ConfigurationProblem) {
    func problem(_ what: String) -> ConfigurationProblem {
      ConfigurationProblem(
        path: [], reason: "account \"\(declared.name)\": its \(what) cannot be read")
    }
    guard let groups = (try? JSONParser().parse(declared.groups))?.array else {
      throw problem("list of groups")
    }
    guard let models = (try? JSONParser().parse(declared.models))?.object else {
      throw problem("map of models")
    }
    guard let credential = CredentialSource(declared.credential, folder: "/") else {
      throw problem("credential's place")
    }
    self.init(
      name: declared.name, platform: declared.platform, groups: groups.compactMap(\.string),
      baseURL: declared.baseURL, credential: credential)
    self.models = models.members.compactMap { member in
      member.value.string.map { ModelMapping(asked: member.name, sent: $0) }
    }
    usesBearer = declared.usesBearer
    priority = declared.priority
    concurrency = declared.concurrency
    interceptsWarmup = declared.interceptsWarmup
    isMixed = declared.isMixed
    project = declared.project.isEmpty ? nil : declared.project
    proxy = declared.proxy.isEmpty ? nil : declared.proxy
  }
}
