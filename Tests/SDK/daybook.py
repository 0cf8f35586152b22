"""Starts `daybook` processes for the SDK tests and asks them questions.

Nothing here knows how Daybook computes a charge: `charge` does it anew with fractions, from the
token counts, the price file below and the group's multiplier.
"""

import http.server
import json
import os
import shutil
import subprocess
import threading
import urllib.error
import urllib.request
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BINARY = os.environ.get("DAYBOOK_BINARY", str(ROOT / ".build" / "release" / "daybook"))
# Generous: a loaded machine is slow, a hanging test is worse.
SECONDS = 60
# Pieces of text in the longest streams: some 7 MB, more than sockets keep.
FLOOD = 50_000

# In LiteLLM's format, as text, so that no number passes through a float. The odd model has prices
# that need rounding to the nano-dollar in every class.
PRICES = """{
  "claude-opus-5-5": {
    "litellm_provider": "anthropic", "mode": "chat",
    "input_cost_per_token": 4e-06, "output_cost_per_token": 2e-05,
    "cache_read_input_token_cost": 2e-07, "cache_creation_input_token_cost": 5e-06,
    "cache_creation_input_token_cost_above_1hr": 8e-06
  },
  "claude-sonnet-5-5": {
    "litellm_provider": "anthropic", "mode": "chat",
    "input_cost_per_token": 2e-06, "output_cost_per_token": 1e-05,
    "cache_read_input_token_cost": 1e-07, "cache_creation_input_token_cost": 2.5e-06,
    "cache_creation_input_token_cost_above_1hr": 4e-06
  },
  "claude-odd-1": {
    "litellm_provider": "anthropic", "mode": "chat",
    "input_cost_per_token": 1.234567e-06, "output_cost_per_token": 7.654321e-06,
    "cache_read_input_token_cost": 1.2347e-08, "cache_creation_input_token_cost": 1.543209e-06,
    "cache_creation_input_token_cost_above_1hr": 2.469135e-06,
    "search_context_cost_per_query": {"search_context_size_medium": 0.010000001}
  },
  "gemini-3-pro-preview": {
    "litellm_provider": "gemini", "mode": "chat",
    "input_cost_per_token": 2.3456789e-06, "output_cost_per_token": 1.2345678e-05,
    "cache_read_input_token_cost": 2.34567e-07,
    "search_context_cost_per_query": {"search_context_size_medium": 0.014}
  },
  "claude-sonnet-4-5-thinking": {
    "litellm_provider": "anthropic", "mode": "chat",
    "input_cost_per_token": 3.000001e-06, "output_cost_per_token": 1.5000007e-05,
    "cache_read_input_token_cost": 3.00003e-07, "cache_creation_input_token_cost": 3.75e-06,
    "cache_creation_input_token_cost_above_1hr": 6e-06,
    "search_context_cost_per_query": {"search_context_size_medium": 0.01}
  }
}
"""


def exact(text):
    """JSON with its numbers exactly as written."""
    return json.loads(text, parse_float=Decimal)


def charge(model, usage, multiplier):
    """What a request costs in USD: each class rounded half to even to nano-USD, summed, times the
    multiplier and rounded once more. `usage` is Anthropic's usage object as a dictionary."""
    prices = exact(PRICES)[model]
    created = usage.get("cache_creation_input_tokens") or 0
    one_hour = (usage.get("cache_creation") or {}).get("ephemeral_1h_input_tokens") or 0
    classes = [
        (usage["input_tokens"], "input_cost_per_token"),
        (usage["output_tokens"], "output_cost_per_token"),
        (usage.get("cache_read_input_tokens") or 0, "cache_read_input_token_cost"),
        (max(0, created - one_hour), "cache_creation_input_token_cost"),
        (one_hour, "cache_creation_input_token_cost_above_1hr"),
    ]
    # round() of a Fraction rounds half to even.
    listed = sum(
        round(count * Fraction(prices[name]) * 10**9) for count, name in classes if count)
    searches = (usage.get("server_tool_use") or {}).get("web_search_requests") or 0
    if searches:
        fee = prices["search_context_cost_per_query"]["search_context_size_medium"]
        listed += round(searches * Fraction(fee) * 10**9)
    charged = round(listed * Fraction(Decimal(str(multiplier))))
    return Decimal(charged) / 10**9, Decimal(listed) / 10**9


def upstream_id(message, billed):
    """The id in the sandbox's record of a message as the caller got it: Google's come with msg_ in
    front."""
    return message.id if message.id in billed else message.id.removeprefix("msg_")


class Daybook:
    """One running `daybook` process; stopped by `stop`, at the latest with the test run."""

    def __init__(self, arguments, environment=None):
        guardian = shutil.which("setpriv")
        prefix = [guardian, "--pdeathsig", "KILL", "--"] if guardian else []
        self.process = subprocess.Popen(
            prefix + [BINARY, *map(str, arguments)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={**os.environ, **(environment or {})})
        self.said, self.complained = [], []
        self.url = None
        self.ready = threading.Event()
        self.readers = [
            threading.Thread(target=self._read, args=pair, daemon=True)
            for pair in ((self.process.stdout, self.said), (self.process.stderr, self.complained))]
        for reader in self.readers:
            reader.start()
        if not self.ready.wait(SECONDS) or self.url is None:
            self.process.kill()
            raise AssertionError(f"{arguments} never listened:\n{self.story()}")

    def _read(self, stream, lines):
        for line in stream:
            lines.append(line)
            if "listening on http://" in line:
                self.url = "http://" + line.split("listening on http://")[1].split()[0]
                self.ready.set()
        self.ready.set()

    def story(self):
        return "".join(self.said) + "".join(self.complained)

    def stop(self):
        """Asks it to end and returns its exit code."""
        self.process.terminate()
        try:
            return self.process.wait(SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise AssertionError(f"did not end after SIGTERM:\n{self.story()}") from None


class Sandbox(Daybook):
    """A scripted upstream that records what it billed."""

    def __init__(self, folder, *flags):
        self.record = Path(folder) / "record.jsonl"
        super().__init__(
            ["sandbox", "--listen", "127.0.0.1:0", "--record", self.record, "--seed", "7", *flags])

    def billed(self):
        """The final usage object of each answered request, by message id."""
        lines = self.record.read_text().splitlines() if self.record.exists() else []
        return {row["message_id"]: row for row in map(json.loads, lines)}


class RecordingUpstream:
    """An upstream in this process that keeps what it is sent: path, headers, body."""

    ANSWER = {
        "id": "msg_recorded", "type": "message", "role": "assistant", "model": "claude-opus-5-5",
        "content": [{"type": "text", "text": "Noted."}], "stop_reason": "end_turn",
        "stop_sequence": None, "usage": {"input_tokens": 12, "output_tokens": 3}}

    def __init__(self):
        received = self.received = []

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                received.append((self.path, self.headers, body))
                answer = json.dumps(RecordingUpstream.ANSWER).encode()
                self.send_response(200)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


def command(data, *arguments):
    """Runs a `daybook` command on a data directory and returns its output."""
    done = subprocess.run(
        [BINARY, "--data", data, *map(str, arguments)],
        capture_output=True, text=True, timeout=SECONDS, check=False)
    if done.returncode != 0:
        raise AssertionError(f"{arguments} -> {done.returncode}: {done.stderr}{done.stdout}")
    return done.stdout


class Gateway(Daybook):
    """`daybook serve` with its own data folder and configuration. `top` holds members of its top
    level; one that is None is left out, so that Daybook's default is in force."""

    def __init__(self, folder, groups, accounts, top=None, **gateway):
        self.folder = Path(folder)
        (self.folder / "prices.json").write_text(PRICES)
        configuration = {
            "listen": "127.0.0.1:0",
            "prices": "prices.json",
            "groups": groups,
            "accounts": accounts,
            "gateway": {"metrics_listen": "127.0.0.1:0", **gateway},
            **(top or {}),
        }
        configuration = {name: value for name, value in configuration.items() if value is not None}
        (self.folder / "daybook.json").write_text(json.dumps(configuration, indent=2))
        self.data = self.folder / "data"
        super().__init__(
            ["--data", self.data, "serve", "--config", self.folder / "daybook.json"],
            {"SANDBOX_KEY": "sk-ant-sandbox"})

    def command(self, *arguments):
        """Runs another `daybook` command on the same data and returns its output."""
        return command(self.data, *arguments)

    def user(self, name, usd=None, **flags):
        extra = [part for key, value in flags.items() for part in (f"--{key}", value)]
        self.command("user", "add", name, *extra, "--json")
        if usd is not None:
            self.command("credit", "add", "--user", name, "--usd", usd, "--reason", "a test")
        return name

    def key(self, user, group, *flags):
        issued = self.command("key", "issue", "--user", user, "--group", group, *flags, "--json")
        return json.loads(issued)["key"]

    def usage(self, key):
        """GET /v1/usage, numbers exactly as written."""
        request = urllib.request.Request(self.url + "/v1/usage", headers={"x-api-key": key})
        with urllib.request.urlopen(request, timeout=SECONDS) as answer:
            return exact(answer.read())

    def events(self, kind):
        """All events of one type so far."""
        return [exact(line) for line in self.command("cat", "--type", kind).splitlines()]


def group(name, **more):
    return {"name": name, "platform": "anthropic", "type": "balance", **more}


def account(name, groups, upstream, **more):
    return {
        "name": name, "platform": "anthropic", "groups": groups, "base_url": upstream.url,
        "credential": "env:SANDBOX_KEY", **more}
