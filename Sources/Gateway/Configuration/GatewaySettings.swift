// The `gateway` object of the configuration: bounds, waits, timeouts (spec: gateway.md; the numbers
// are its defaults).
public import Base

/// Bounds and behaviour of the request path.
public struct GatewaySettings: Equatable, Sendable {
  public var maxAccountSwitches: Int64 = 10
  public var maxAccountSwitchesGemini: Int64 = 3
  /// Greatest request body.
  public var maxBodyBytes: Int64 = 104_857_600
  /// Silence towards a stream caller before a ping is sent.
  public var pingInterval = Duration.seconds(10)
  /// All buffered request bodies together.
  public var maxBufferedBytes: Int64 = 536_870_912
  /// Greatest answer that is buffered whole.
  public var maxAnswerBytes: Int64 = 33_554_432
  public var userWait = Duration.seconds(30)
  public var accountWait = Duration.seconds(30)
  public var stickyWait = Duration.seconds(120)
  /// How long an account rests after 401, 402, 403.
  public var accountError = Duration.seconds(30 * 60)
  public var connect = Duration.seconds(10)
  public var firstByte = Duration.seconds(600)
  public var streamFirstByte = Duration.seconds(120)
  public var streamGap = Duration.seconds(180)
  /// A caller that takes nothing for this long is gone.
  public var writeStall = Duration.seconds(60)
  /// How long, and how far, an upstream is read after its caller left.
  public var drain = Duration.seconds(60)
  public var drainBytes: Int64 = 16_777_216
  /// Output tokens a hold covers at most.
  public var holdOutputTokens: Int64 = 4096
  /// Admit only what the money at hand covers whole.
  public var strictHolds = false
  /// Prices models that no rule matches; nil = they are refused.
  public var defaultPriceModel: String? = "claude-sonnet-5-5"
  public var planName = "钱包余额"
  /// Hand on the upstream's rate-limit headers.
  public var passRateLimits = false
  public var cooldown = Cooldown()
  /// Requests at a time of a user added without a number; <= 0 = no limit.
  public var defaultUserConcurrency: Int32 = 5
  public var recordAddresses = AddressRecording.full
  /// Proxies whose X-Forwarded-For is believed.
  public var trustedProxies: [AddressRange] = []
  /// Origins that may call from a browser; `*` = any.
  public var corsOrigins: [String] = []
  /// nil = nowhere (stated as null).
  public var metricsListen: HostPort? = HostPort(host: "127.0.0.1", port: 9464)
  /// Whether `metricsListen` was stated: then a taken port is an error, else a warning.
  public var isMetricsListenStated = false
  /// How long open streams may take after SIGTERM.
  public var shutdown = Duration.seconds(30)
  public init() {}

  /// How long an account rests after an answer without a time of its own.
  public struct Cooldown: Equatable, Sendable {
    public var tooManyRequests = Duration.seconds(300)
    public var overloaded = Duration.seconds(600)
    /// Other 5xx and connection errors: 1 s, doubling up to this.
    public var greatestServerError = Duration.seconds(60)
    public init() {}
  }

  /// How much of a caller's address is recorded.
  public enum AddressRecording: String, CaseIterable, Sendable {
    case full
    /// /24 of IPv4, /48 of IPv6.
    case prefix
    case none
  }
}
