// What must hold between the entries of a configuration: unique names, groups that exist, fallback
// groups that can take over, accounts that can serve their groups.
import Ledger

extension Configuration {
  /// - Throws: the first entry that does not fit, with its path.
  func check() throws(ConfigurationProblem) {
    try checkNames(groups.map(\.name), in: "groups", "group")
    try checkNames(accounts.map(\.name), in: "accounts", "account")
    for (index, group) in groups.enumerated() { try check(group, at: index) }
    for (index, account) in accounts.enumerated() { try check(account, at: index) }
    guard settingsJSON.count <= Self.greatestRecordedLength else {
      throw ConfigurationProblem(
        path: [.key("gateway")],
        reason: "the settings do not fit in one event of the ledger; shorten the lists")
    }
  }

  /// What is recorded of the settings, or of one account, must fit in one record (65,535 bytes).
  static let greatestRecordedLength = 60_000

  private func checkNames(
    _ names: [String], in list: String, _ what: String
  ) throws(ConfigurationProblem) {
    for (index, name) in names.enumerated() where names[..<index].contains(name) {
      throw ConfigurationProblem(
        path: [.key(list), .index(index), .key("name")],
        reason: "a second \(what) is named \"\(name)\"; names must be unique")
    }
  }

  private func check(_ group: GroupSettings, at index: Int) throws(ConfigurationProblem) {
    func problem(_ key: String, _ reason: String) -> ConfigurationProblem {
      ConfigurationProblem(path: [.key("groups"), .index(index), .key(key)], reason: reason)
    }
    let limits = [
      ("daily_limit_usd", group.dailyLimit), ("weekly_limit_usd", group.weeklyLimit),
      ("monthly_limit_usd", group.monthlyLimit),
    ]
    if group.target == .balance, let stated = limits.first(where: { $0.1 != nil }) {
      throw problem(stated.0, "only groups of type \"subscription\" have limits")
    }
    guard let name = group.fallbackGroup else { return }
    guard let fallback = self.group(named: name) else {
      throw problem(
        "fallback_group",
        "no group is named \"\(name)\"\(NearestName.hint(name, among: groups.map(\.name)))")
    }
    if name == group.name { throw problem("fallback_group", "a group cannot be its own fallback") }
    if fallback.platform != .anthropic {
      throw problem("fallback_group", "\"\(name)\" must be of platform \"anthropic\"")
    }
    if fallback.target != .balance {
      throw problem("fallback_group", "\"\(name)\" must be of type \"balance\"")
    }
    if fallback.fallbackGroup != nil {
      throw problem("fallback_group", "\"\(name)\" must not have a fallback group of its own")
    }
  }

  private func check(_ account: AccountSettings, at index: Int) throws(ConfigurationProblem) {
    let path: [ConfigurationStep] = [.key("accounts"), .index(index)]
    func problem(_ key: String, _ reason: String) -> ConfigurationProblem {
      ConfigurationProblem(path: path + [.key(key)], reason: reason)
    }
    if account.isMixed, account.platform != .antigravity {
      throw problem("mixed", "only accounts of platform \"antigravity\" can be mixed")
    }
    if account.project != nil, account.platform != .antigravity {
      throw problem("project", "only accounts of platform \"antigravity\" have a project")
    }
    if account.credential == .none, !account.isSandbox {
      throw problem("credential", "only the built-in sandbox works without a credential")
    }
    if account.groups.isEmpty {
      throw problem("groups", "must name at least one group; else nobody can use the account")
    }
    for (position, name) in account.groups.enumerated() {
      let place = path + [.key("groups"), .index(position)]
      guard let group = self.group(named: name) else {
        throw ConfigurationProblem(
          path: place,
          reason:
            "no group is named \"\(name)\"\(NearestName.hint(name, among: groups.map(\.name)))")
      }
      if account.groups[..<position].contains(name) {
        throw ConfigurationProblem(path: place, reason: "\"\(name)\" is named twice")
      }
      guard account.serves(group.platform) else {
        throw ConfigurationProblem(
          path: place,
          reason: "group \"\(name)\" is of platform \"\(group.platform.name)\", the account of "
            + "\"\(account.platform.name)\"")
      }
    }
    let recorded = [account.baseURL, account.modelsJSON, account.groupsJSON].map(\.utf8.count)
    if recorded.reduce(0, +) > Self.greatestRecordedLength {
      throw problem("models", "too many models for one event of the ledger (60,000 bytes)")
    }
  }
}

extension AccountSettings {
  /// Whether the account can be in groups of this platform.
  func serves(_ platform: Platform) -> Bool {
    self.platform == platform || isMixed && (platform == .anthropic || platform == .gemini)
  }
}
