"""One gateway for the whole run; all that cools an account down has a group of its own."""

from typing import NamedTuple

import anthropic
import pytest

import daybook

MULTIPLIERS = {"default": "1.0", "cheap": "0.3333", "dear": "1.25", "free": "0"}
UPSTREAM_STATUSES = [400, 401, 403, 404, 418, 429, 500, 502, 503, 504, 529]


class Platform(NamedTuple):
    """What an upstream speaks, and a model it has that the price file knows."""
    name: str
    model: str
    # What the sandbox counts for an image.
    image_tokens: int
    counts_tokens: bool = True
    # Gemini's signature comes behind the answer, when the thinking block has long ended.
    signs_thoughts: bool = True
    # What one question to the web search counts for.
    searches: int = 1
    # Where its routes begin.
    base: str = ""


PLATFORMS = [
    Platform("anthropic", "claude-odd-1", 1568),
    Platform("gemini", "gemini-3-pro-preview", 258, signs_thoughts=False, searches=2),
    Platform(
        "antigravity", "claude-sonnet-4-5-thinking", 258, counts_tokens=False,
        base="/antigravity"),
]
# Groups that every platform has: each ends its account's rest alone.
SHARED_GROUPS = ["", "-fails-401", "-fails-429", "-fails-503", "-cut-inside", "-stream-error"]


class Caller(NamedTuple):
    client: anthropic.Anthropic
    key: str
    user: str


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory):
    with_record = daybook.Sandbox(tmp_path_factory.mktemp("sandbox"), "--first-token-ms", "1")
    yield with_record
    with_record.stop()


@pytest.fixture(scope="session")
def slow_sandbox(tmp_path_factory):
    slow = daybook.Sandbox(tmp_path_factory.mktemp("slow"), "--first-token-ms", "1500")
    yield slow
    slow.stop()


@pytest.fixture(scope="session")
def broken_sandboxes(tmp_path_factory):
    """Upstreams that always cut the connection: before the answer, and inside it."""
    both = {
        where: daybook.Sandbox(tmp_path_factory.mktemp(where), "--cut", f"{where}:1")
        for where in ("before", "inside")}
    yield both
    for broken in both.values():
        broken.stop()


@pytest.fixture(scope="session")
def long_sandbox(tmp_path_factory):
    """Streams of 150 pieces in about half a second."""
    long = daybook.Sandbox(tmp_path_factory.mktemp("long"), "--events", "150", "--interval-ms", "3")
    yield long
    long.stop()


@pytest.fixture(scope="session")
def flood_sandbox(tmp_path_factory):
    """Streams of more bytes than any buffer on the way takes, at once."""
    flood = daybook.Sandbox(tmp_path_factory.mktemp("flood"), "--events", daybook.FLOOD)
    yield flood
    flood.stop()


@pytest.fixture(scope="session")
def stalled_sandbox(tmp_path_factory):
    """An upstream that never ends an answer."""
    stalled = daybook.Sandbox(tmp_path_factory.mktemp("stalled"), "--stall", "1")
    yield stalled
    stalled.stop()


@pytest.fixture(scope="session")
def recording_upstream():
    recording = daybook.RecordingUpstream()
    yield recording
    recording.stop()


@pytest.fixture(scope="session")
def gateway(
        tmp_path_factory, sandbox, slow_sandbox, long_sandbox, flood_sandbox, stalled_sandbox,
        broken_sandboxes, recording_upstream):
    # Each failing status cools its account down: a group with an account for each.
    failing = [
        f"fails-{status}-{shape}" for status in UPSTREAM_STATUSES for shape in ("whole", "stream")]
    broken = [f"cut-{where}" for where in broken_sandboxes]
    groups = [
        *(daybook.group(name, rate_multiplier=float(by)) for name, by in MULTIPLIERS.items()),
        *(daybook.group(name)
          for name in [*failing, *broken, "slow", "long", "flood", "stalled", "recorded",
                       "retried", "paged"]),
        *(daybook.group(f"on-{platform.name}{kind}", platform=platform.name)
          for platform in PLATFORMS for kind in [*SHARED_GROUPS, "-long"]),
        daybook.group(
            "limited", type="subscription", daily_limit_usd=0.000001, rate_multiplier=0.8),
    ]
    accounts = [
        daybook.account(
            "main", [*MULTIPLIERS, "limited"], sandbox, concurrency=64,
            models={"claude-*": "claude-*", "my-opus": "claude-opus-5-5"}),
        *(daybook.account(name, [name], sandbox) for name in failing),
        *(daybook.account(f"cut-{where}", [f"cut-{where}"], upstream)
          for where, upstream in broken_sandboxes.items()),
        daybook.account("slow", ["slow"], slow_sandbox),
        daybook.account("long", ["long"], long_sandbox),
        daybook.account("flood", ["flood"], flood_sandbox),
        daybook.account("stalled", ["stalled"], stalled_sandbox),
        daybook.account("retried", ["retried"], sandbox),
        daybook.account(
            "paged", ["paged"], sandbox,
            models={f"model-{index}": "claude-opus-5-5" for index in range(1, 6)}),
        daybook.account("recorded", ["recorded"], recording_upstream),
        *platform_accounts(sandbox, long_sandbox),
    ]
    serving = daybook.Gateway(
        tmp_path_factory.mktemp("gateway"), groups, accounts, max_body_bytes=1_048_576)
    yield serving
    assert serving.stop() == 0, serving.story()


def platform_accounts(sandbox, long_sandbox):
    for platform in PLATFORMS:
        more = {"platform": platform.name, "concurrency": 64}
        if platform.name == "antigravity":
            more["project"] = "a-project"
        for kind in SHARED_GROUPS:
            name = f"on-{platform.name}{kind}"
            yield daybook.account(name, [name], sandbox, **more)
        name = f"on-{platform.name}-long"
        yield daybook.account(name, [name], long_sandbox, **more)


@pytest.fixture(params=PLATFORMS, ids=lambda platform: platform.name)
def platform(request):
    return request.param


@pytest.fixture
def on(caller):
    """Makes a user with $10 and a key for a platform: returns its client, key and name."""
    def make(platform, kind=None, **options):
        group = f"on-{platform.name}" + (f"-{kind}" if kind else "")
        return caller(group, base=platform.base, **options)

    return make


@pytest.fixture
def caller(gateway, request):
    """Makes a user with $10 and a key of the named group: returns its client, key and name."""
    count = 0
    clients = []

    def make(group="default", usd="10", *flags, base="", **options):
        nonlocal count
        count += 1
        user = gateway.user(f"{request.node.name}-{count}", usd)
        key = gateway.key(user, group, *flags)
        options.setdefault("max_retries", 0)
        client = anthropic.Anthropic(
            api_key=key, base_url=gateway.url + base, timeout=daybook.SECONDS, **options)
        clients.append(client)
        return Caller(client, key, user)

    yield make
    for client in clients:
        client.close()
