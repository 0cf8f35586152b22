"""Costs against an independent calculator: `genai-prices` and its own price data, fixed by the
pinned version. The real server rates thousands of random usages with its built-in book; each must
cost what the calculator says, to the nano-dollar, where both books state the same prices: 120 of
the 141 models, as `pytest -s` tells."""

import functools
import http.client
import http.server
import json
import os
import random
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from typing import NamedTuple

import genai_prices
import pytest
from genai_prices.data_snapshot import get_snapshot
from genai_prices.types import TieredPrices

import daybook

SEED = int(os.environ.get("DAYBOOK_PRICES_SEED", "1"))
REQUESTS = 5000
CONNECTIONS = 8
NANO = Decimal("1e-9")
MILLION = 10**6
# The calculator's prices have dates. This one, so that the comparison is the same every day.
DAY = datetime(2026, 11, 26, 12, tzinfo=UTC)
BOOK = daybook.ROOT / "fixtures" / "prices" / "builtin.json"
PROVIDERS = {
    "anthropic": "anthropic", "openai": "openai", "gemini": "google",
    "vertex_ai-language-models": "google"}


class Class(NamedTuple):
    """A class of usage: its field in a price file, the calculator's name of its price, and the
    member of `cat` that counts it."""
    name: str
    field: str
    price: str
    counted: str
    per: int = MILLION


CLASSES = [
    Class("input", "input_cost_per_token", "input_mtok", "input_tokens"),
    Class("output", "output_cost_per_token", "output_mtok", "output_tokens"),
    Class("read", "cache_read_input_token_cost", "cache_read_mtok", "cache_read_tokens"),
    Class("write_5m", "cache_creation_input_token_cost", "cache_write_mtok",
          "cache_write_5m_tokens"),
    Class("write_1h", "cache_creation_input_token_cost_above_1hr", "cache_write_1h_mtok",
          "cache_write_1h_tokens"),
    Class("search", "search_context_cost_per_query", "web_searches_kcount", "web_searches", 1000),
]
CLASS = {one.name: one for one in CLASSES}


class Way(NamedTuple):
    """A way a request can be served that has prices of its own: what a price file appends to its
    fields for it, what the calculator calls it, and what an answer's usage says."""
    name: str
    suffix: str
    context: dict
    usage: dict


WAYS = [
    Way("standard", "", {}, {"service_tier": "standard"}),
    Way("batch", "_batches", {"processing": "batch"}, {"service_tier": "batch"}),
    Way("priority", "_priority", {"service_tier": "priority"}, {"service_tier": "priority"}),
    Way("flex", "_flex", {"service_tier": "flex"}, {"service_tier": "flex"}),
    Way("fast", "", {"speed": "fast"}, {"speed": "fast"}),
]


class Case(NamedTuple):
    """A model and a way whose prices are the same in both books, for these classes."""
    model: str
    provider: str
    way: Way
    classes: tuple
    thresholds: tuple


def our_prices(entry, one, way):
    """A class's prices in a price file's entry: per token by threshold."""
    if one.name == "search":
        fee = entry.get(one.field, {}).get("search_context_size_medium")
        return {} if fee is None else {0: fee}
    named = re.compile(re.escape(one.field) + r"(?:_above_(\d+)k_tokens)?" + re.escape(way.suffix))
    factor = entry.get("provider_specific_entry", {}).get("fast", 1) if way.name == "fast" else 1
    return {
        int(match[1] or 0) * 1000: price * factor
        for match, price in ((named.fullmatch(name), price) for name, price in entry.items())
        if match}


def their_prices(price, one):
    """A class's prices in the calculator's data, likewise."""
    value = getattr(price, one.price)
    if isinstance(value, TieredPrices):
        steps = {0: value.base, **{tier.start: tier.price for tier in value.tiers}}
    else:
        steps = {} if value is None else {0: value}
    return {threshold: price / one.per for threshold, price in steps.items()}


@functools.cache
def found(model, provider):
    """The calculator's provider and model of a name, None when it has no such model."""
    try:
        return get_snapshot().find_provider_model(model, None, provider, None)
    except LookupError:
        return None


def case(model, entry, way):
    """What both books agree on of a model served this way; None when there is a price that both
    state differently, or nothing in common."""
    provider = PROVIDERS[entry["litellm_provider"]]
    if found(model, provider) is None:
        return None
    if way.name == "fast" and "fast" not in entry.get("provider_specific_entry", {}):
        return None
    price = found(model, provider)[1].get_prices(DAY, way.context)
    both = {}
    for one in CLASSES:
        ours, theirs = our_prices(entry, one, way), their_prices(price, one)
        if ours and theirs:
            if ours != theirs:
                return None
            both[one.name] = ours
    # A class or way without a price of its own above a threshold is left out: which one it has
    # there is a rule, not a figure of both books.
    steps = {threshold for one in CLASSES for threshold in our_prices(entry, one, WAYS[0])}
    if "input" not in both or "output" not in both:
        return None
    classes = tuple(
        name for name, prices in both.items() if name == "search" or set(prices) == steps)
    if not {"input", "output"} <= set(classes):
        return None
    return Case(model, provider, way, classes, tuple(sorted(steps - {0})))


@functools.cache
def cases():
    book = daybook.exact(BOOK.read_text())
    made = [case(model, entry, way) for model, entry in book.items() for way in WAYS]
    return [one for one in made if one is not None]


def draw(chance, one):
    """Counts of each class that the case has: small and large ones, none of some, and totals right
    at the thresholds of its prices."""
    def count():
        kind = chance.random()
        if kind < 0.15:
            return 0
        return chance.randrange(1, 10 ** chance.choice([1, 2, 3, 4, 5, 6]))

    counts = {
        name: chance.randrange(0, 12) if name == "search" else count() for name in one.classes}
    if chance.random() < 0.02:
        counts["output"] = chance.randrange(10**8, 10**9)
    cached = [name for name in ("read", "write_5m", "write_1h") if name in counts]
    if one.thresholds and chance.random() < 0.6:
        wanted = chance.choice(one.thresholds) + chance.choice([-1, 0, 1, 2, 12345])
        left = wanted
        for name in cached:
            counts[name] = chance.randrange(0, left // 2)
            left -= counts[name]
        counts["input"] = left
    return counts


def usage_object(one, counts):
    """As an Anthropic answer states it."""
    usage = {
        "input_tokens": counts["input"], "output_tokens": counts["output"], **one.way.usage}
    if "read" in counts:
        usage["cache_read_input_tokens"] = counts["read"]
    short, long = counts.get("write_5m", 0), counts.get("write_1h", 0)
    usage["cache_creation_input_tokens"] = short + long
    usage["cache_creation"] = {
        "ephemeral_5m_input_tokens": short, "ephemeral_1h_input_tokens": long}
    if counts.get("search"):
        usage["server_tool_use"] = {"web_search_requests": counts["search"]}
    return usage


def input_tokens(counts):
    return sum(counts.get(name, 0) for name in ("input", "read", "write_5m", "write_1h"))


def calculated(one, counts):
    """The calculator's exact total, and its unit prices times the counts, by class."""
    usage = genai_prices.Usage(
        input_tokens=input_tokens(counts), output_tokens=counts["output"],
        cache_read_tokens=counts.get("read", 0),
        cache_write_tokens=counts.get("write_5m", 0) + counts.get("write_1h", 0),
        cache_write_1h_tokens=counts.get("write_1h", 0), web_searches=counts.get("search", 0))
    answer = genai_prices.calc_price(
        usage, one.model, provider_id=one.provider, genai_request_timestamp=DAY,
        price_context=one.way.context)
    lines = {}
    for name, count in counts.items():
        steps = their_prices(answer.model_price, CLASS[name])
        reached = max(step for step in steps if step == 0 or input_tokens(counts) > step)
        lines[name] = steps[reached] * count
    return answer.total_price, lines


class StatingUpstream:
    """An upstream whose answer states the usage that the request's text asks for."""

    def __init__(self):
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True
            wbufsize = -1

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                wanted = json.loads(body["messages"][0]["content"])
                answer = json.dumps({
                    "id": wanted["id"], "type": "message", "role": "assistant",
                    "model": body["model"], "content": [{"type": "text", "text": "Done."}],
                    "stop_reason": "end_turn", "stop_sequence": None, "usage": wanted["usage"],
                }).encode()
                self.send_response_only(200)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)
                self.wfile.flush()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


class Rated(NamedTuple):
    """A request: what was drawn for it, and the event of its charge."""
    case: Case
    counts: dict
    event: dict


def send(url, key, requests):
    """Sends these one after the other on one connection."""
    connection = http.client.HTTPConnection(
        url.removeprefix("http://"), timeout=daybook.SECONDS)
    try:
        for identifier, one, counts in requests:
            text = json.dumps({"id": identifier, "usage": usage_object(one, counts)})
            connection.request(
                "POST", "/v1/messages",
                json.dumps({
                    "model": one.model, "max_tokens": 10,
                    "messages": [{"role": "user", "content": text}]}),
                {"x-api-key": key, "content-type": "application/json"})
            answer = connection.getresponse()
            text = answer.read()
            assert answer.status == 200, text
    finally:
        connection.close()


@pytest.fixture(scope="module")
def rated(tmp_path_factory):
    """All requests with their charges, of a server with its built-in book."""
    chance = random.Random(SEED)
    order = cases() * (REQUESTS // len(cases()) + 1)
    chance.shuffle(order)
    drawn = [
        (f"msg_{index:06}", one, draw(chance, one)) for index, one in enumerate(order[:REQUESTS])]
    upstream = StatingUpstream()
    gateway = daybook.Gateway(
        tmp_path_factory.mktemp("prices"), [daybook.group("default")],
        [daybook.account("main", ["default"], upstream, concurrency=4 * CONNECTIONS)],
        top={"prices": None})
    try:
        gateway.user("spender", "100000000", concurrency=4 * CONNECTIONS)
        key = gateway.key("spender", "default")
        with ThreadPoolExecutor(CONNECTIONS) as pool:
            parts = [drawn[start::CONNECTIONS] for start in range(CONNECTIONS)]
            list(pool.map(lambda part: send(gateway.url, key, part), parts))
        events = {event["upstream_message_id"]: event for event in
                  gateway.events("forward_settled")}
    finally:
        code = gateway.stop()
        upstream.stop()
    assert code == 0, gateway.story()
    assert len(events) == REQUESTS
    return [Rated(one, counts, events[identifier]) for identifier, one, counts in drawn]


def wrong(rated, problem):
    """The first few requests that have a problem, as text; empty when there is none."""
    bad = [(one, problem(one)) for one in rated]
    bad = [f"{one.case.model} {one.case.way.name} {one.counts}: {text}"
           for one, text in bad if text]
    return f"seed {SEED}: {len(bad)} differ\n" + "\n".join(bad[:5]) if bad else ""


def test_the_books_have_most_models_in_common():
    models = {one.model for one in cases()}
    tiered = {one.model for one in cases() if one.thresholds}
    by_way = {way.name: sum(one.way == way for one in cases()) for way in WAYS}
    print(f"{len(models)} models of {len(json.loads(BOOK.read_text()))}, {len(tiered)} of them "
          f"with thresholds; by way of serving: {by_way}")
    assert len(models) >= 100
    assert len(tiered) >= 15
    assert min(by_way.values()) >= 2, by_way


def test_every_usage_is_recorded_as_stated_and_rated_with_its_own_models_price(rated):
    def problem(one):
        wanted = {CLASS[name].counted: count for name, count in one.counts.items()}
        got = {name: one.event[name] for name in wanted}
        if got != wanted:
            return got
        if one.event["price_rule"] != "exact":
            return one.event["price_rule"]
        return one.event["partial"] or one.event["estimated"]

    assert not wrong(rated, problem)


def test_every_cost_is_the_calculators_rounded_half_to_even_once_in_each_class(rated):
    def problem(one):
        _, lines = calculated(one.case, one.counts)
        wanted = sum(line.quantize(NANO, ROUND_HALF_EVEN) for line in lines.values())
        got = one.event["list_usd"]
        return f"{got}, not {wanted}" if Decimal(got) != wanted else None

    assert not wrong(rated, problem)


def test_every_cost_is_less_than_a_nano_dollar_in_each_class_from_the_exact_total(rated):
    def problem(one):
        total, lines = calculated(one.case, one.counts)
        if sum(lines.values()) != total:
            return f"lines make {sum(lines.values())}, the calculator's total is {total}"
        off = abs(Decimal(one.event["list_usd"]) - total)
        return f"off by {off}" if off >= NANO * len(lines) else None

    assert not wrong(rated, problem)


def test_the_usages_reach_every_price_and_need_rounding(rated):
    """Lest the comparison becomes easy: what it has met."""
    met, thresholds, ties, rounded = set(), set(), 0, 0
    for one in rated:
        total = input_tokens(one.counts)
        met |= {
            (one.case.model, one.case.way.name, name)
            for name, count in one.counts.items() if count}
        thresholds |= {
            (one.case.model, step, total > step)
            for step in one.case.thresholds if abs(total - step) < 2}
        for line in calculated(one.case, one.counts)[1].values():
            rest = (line / NANO) % 1
            rounded += rest != 0
            ties += rest == Decimal("0.5")
    print(f"{rounded} lines need rounding, {ties} of them are ties; "
          f"{len(thresholds)} sides of thresholds")
    assert met == {
        (one.model, one.way.name, name) for one in cases() for name in one.classes}
    assert len(thresholds) >= 30
    assert ties >= 10
    assert rounded >= ties
