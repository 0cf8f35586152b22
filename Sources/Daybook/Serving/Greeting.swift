// What a first start tells a new user: the key, shown once, and a line to paste.
import Gateway
import HTTP

enum Greeting {
  static func text(
    _ start: FirstStart, _ configuration: Configuration, _ address: HTTP.ListenAddress
  ) -> String {
    let isSandbox = configuration.accounts.contains { $0.isSandbox }
    let upstream =
      isSandbox
      ? "a built-in sandbox (with ANTHROPIC_API_KEY set at the first start: api.anthropic.com)"
      : "api.anthropic.com, with the credential in ANTHROPIC_API_KEY"
    let url = "http://\(reachable(address))"
    let key = "-H \"x-api-key: \(start.key)\""
    let body =
      #"{"model":"claude-sonnet-5-5","max_tokens":256,"#
      + #""messages":[{"role":"user","content":"What is a daybook?"}]}"#
    return """
      A new ledger. Upstream: \(upstream).
      User \(FirstStart.user) has $\(FirstStart.credit). Its key, shown this once:

        \(start.key)

      Paste this to try it:

        curl \(url)/v1/messages \(key) -H "content-type: application/json" -d '\(body)'
        curl \(url)/v1/usage \(key)

      """
  }

  /// An address of all interfaces is reached on this machine by the loopback one.
  private static func reachable(_ address: HTTP.ListenAddress) -> String {
    guard case .tcp(let host, let port) = address else { return "\(address)" }
    return ["", "0.0.0.0", "::"].contains(host) ? "127.0.0.1:\(port)" : "\(address)"
  }
}
