// Tests that sweep every byte or every call run a sample by default, the whole when asked to:
// `make soak` sets the variable.
import Glibc

public enum LongTests {
  /// Whether whole sweeps are wanted: the environment variable DAYBOOK_LONG_TESTS is set.
  public static let areWanted = getenv("DAYBOOK_LONG_TESTS") != nil
}
