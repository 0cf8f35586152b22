"""What callers use the Messages API for, the same on every platform an upstream may speak."""

import asyncio
import base64
import json
from decimal import Decimal

import anthropic
import pytest

import daybook
from test_anthropic import QUESTION, expect_charges
from test_errors import raised

WEATHER = {
    "name": "get_weather", "description": "The weather of a city.",
    "input_schema": {
        "$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object",
        "additionalProperties": False, "required": ["city", "days", "unit", "places"],
        "properties": {
            "city": {"type": "string", "minLength": 1},
            "days": {"type": ["integer", "null"]},
            "unit": {"type": "string", "enum": ["celsius", "fahrenheit"]},
            "places": {"type": "array", "items": {"type": "object", "required": ["name"],
                       "properties": {"name": {"type": "string"}}}}}}}
CALLING = [{"role": "user", "content": "Ask get_weather how it is in Zürich."}]
THINKING = {"type": "enabled", "budget_tokens": 1024}
DOT = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(64)).decode()


def asked(client, platform, messages=QUESTION, **more):
    more.setdefault("max_tokens", 400)
    more.setdefault("model", platform.model)
    return client.messages.create(messages=messages, **more)


def streamed(client, platform, messages=QUESTION, **more):
    """The final message of a stream, and its events as the SDK names them."""
    more.setdefault("max_tokens", 400)
    more.setdefault("model", platform.model)
    with client.messages.stream(messages=messages, **more) as stream:
        seen = list(stream)
        return stream.get_final_message(), seen


def expect_billed(gateway, made, messages, sandbox, platform, model=None):
    expect_charges(gateway, made.key, messages, 1, model or platform.model, sandbox.billed())


def expect_call(block):
    assert block.type == "tool_use" and block.name == "get_weather"
    assert block.id.startswith("toolu_")
    assert block.input["city"] and isinstance(block.input["days"], int)
    assert block.input["unit"] == "celsius"
    assert isinstance(block.input["places"][0]["name"], str)


def with_result(question, call, result, **more):
    """The conversation behind a tool call, with its result."""
    block = next(block for block in call.content if block.type == "tool_use")
    return [
        *question, {"role": "assistant", "content": call.content},
        {"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": block.id, "content": result, **more}]}]


def test_an_answer_is_charged_exactly(gateway, on, sandbox, platform):
    made = on(platform)
    message = asked(made.client, platform)
    assert message.type == "message" and message.role == "assistant"
    assert message.model == platform.model and message.stop_reason == "end_turn"
    assert message.content[0].type == "text" and message.content[0].text
    expect_billed(gateway, made, [message], sandbox, platform)


def test_a_stream_says_and_costs_the_same(gateway, on, sandbox, platform):
    made = on(platform)
    message, seen = streamed(made.client, platform)
    text = "".join(event.text for event in seen if event.type == "text")
    assert text and text == message.content[0].text
    kinds = [event.type for event in seen]
    assert kinds[0] == "message_start" and kinds[-2:] == ["message_delta", "message_stop"]
    expect_billed(gateway, made, [message], sandbox, platform)


def test_a_tool_makes_a_round_trip(gateway, on, sandbox, platform):
    made = on(platform)
    call = asked(made.client, platform, CALLING, tools=[WEATHER])
    assert call.stop_reason == "tool_use"
    expect_call(call.content[-1])
    answer = asked(
        made.client, platform, with_result(CALLING, call, "Sunny, 24 degrees."), tools=[WEATHER])
    assert answer.stop_reason == "end_turn" and answer.content[0].text
    expect_billed(gateway, made, [call, answer], sandbox, platform)


def test_a_streamed_tool_makes_a_round_trip(gateway, on, sandbox, platform):
    made = on(platform)
    call, seen = streamed(made.client, platform, CALLING, tools=[WEATHER])
    pieces = [event for event in seen if event.type == "input_json"]
    assert json.loads("".join(piece.partial_json for piece in pieces)) == call.content[-1].input
    assert pieces[-1].snapshot == call.content[-1].input
    expect_call(call.content[-1])
    result = [{"type": "text", "text": "No such city."}]
    answer, _ = streamed(
        made.client, platform, with_result(CALLING, call, result, is_error=True), tools=[WEATHER])
    assert answer.stop_reason == "end_turn"
    expect_billed(gateway, made, [call, answer], sandbox, platform)


@pytest.mark.parametrize("choice", [{"type": "any"}, {"type": "tool", "name": "get_weather"}])
def test_a_tool_can_be_forced(on, platform, choice):
    other = {"name": "other", "input_schema": {"type": "object", "properties": {}}}
    tools = [WEATHER, other] if choice["type"] == "any" else [other, WEATHER]
    call = asked(on(platform).client, platform, tools=tools, tool_choice=choice)
    expect_call(call.content[-1])


def test_a_tool_can_be_forbidden(on, platform):
    answer = asked(
        on(platform).client, platform, CALLING, tools=[WEATHER], tool_choice={"type": "none"})
    assert [block.type for block in answer.content] == ["text"]


def test_a_thought_comes_before_the_answer_and_goes_back_signed(gateway, on, sandbox, platform):
    made = on(platform)
    first = asked(made.client, platform, thinking=THINKING, max_tokens=2048)
    assert [block.type for block in first.content] == ["thinking", "text"]
    assert first.content[0].thinking and first.content[1].text
    assert bool(first.content[0].signature) == platform.signs_thoughts
    second = asked(
        made.client, platform, thinking=THINKING, max_tokens=2048, messages=[
            *QUESTION, {"role": "assistant", "content": first.content},
            {"role": "user", "content": "Go on."}])
    assert second.content[0].thinking
    expect_billed(gateway, made, [first, second], sandbox, platform)


def test_a_thought_is_streamed_before_the_answer(gateway, on, sandbox, platform):
    made = on(platform)
    message, seen = streamed(made.client, platform, thinking=THINKING, max_tokens=2048)
    kinds = [event.type for event in seen]
    thought = "".join(event.thinking for event in seen if event.type == "thinking")
    assert thought == message.content[0].thinking != ""
    assert kinds.index("thinking") < kinds.index("text")
    signatures = [event.signature for event in seen if event.type == "signature"]
    assert signatures == ([message.content[0].signature] if platform.signs_thoughts else [])
    expect_billed(gateway, made, [message], sandbox, platform)


def test_a_tool_is_called_behind_a_thought(gateway, on, sandbox, platform):
    made = on(platform)
    more = {"tools": [WEATHER], "thinking": THINKING, "max_tokens": 2048}
    call, _ = streamed(made.client, platform, CALLING, **more)
    assert [block.type for block in call.content] == ["thinking", "tool_use"]
    answer = asked(made.client, platform, with_result(CALLING, call, "Rain."), **more)
    assert answer.content[-1].type == "text"
    expect_billed(gateway, made, [call, answer], sandbox, platform)


def test_a_web_search_is_shown_and_has_its_fee(gateway, on, sandbox, platform):
    made = on(platform)
    more = {
        "messages": [{"role": "user", "content": "Ask web_search what a daybook is."}],
        "tools": [{"type": "web_search_20250305", "name": "web_search"}]}
    whole = asked(made.client, platform, **more)
    stream, _ = streamed(made.client, platform, **more)
    for message in (whole, stream):
        kinds = [block.type for block in message.content]
        assert sorted(kinds) == ["server_tool_use", "text", "web_search_tool_result"]
        found = next(b for b in message.content if b.type == "web_search_tool_result")
        assert found.content[0].url.startswith("https://")
        assert message.usage.server_tool_use.web_search_requests == platform.searches
    expect_billed(gateway, made, [whole, stream], sandbox, platform)


def test_an_image_is_sent_and_paid(gateway, on, sandbox, platform):
    made = on(platform)
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": DOT}}
    words = {"type": "text", "text": "What is this?"}
    plain, seen = (
        asked(made.client, platform, [{"role": "user", "content": content}])
        for content in ([words], [image, words]))
    assert seen.usage.input_tokens - plain.usage.input_tokens == platform.image_tokens
    expect_billed(gateway, made, [plain, seen], sandbox, platform)


def test_a_conversation_reads_its_cache(gateway, on, sandbox, platform):
    made = on(platform)
    mark = {"cache_control": {"type": "ephemeral"}}
    talk = [
        {"role": "user", "content": [{"type": "text", "text": "Hello. " * 300, **mark}]},
        {"role": "assistant", "content": "Good day."},
        {"role": "user", "content": [{"type": "text", "text": "Go on.", **mark}]}]
    message = asked(made.client, platform, talk)
    assert message.usage.cache_read_input_tokens > 500
    expect_billed(gateway, made, [message], sandbox, platform)
    total = gateway.usage(made.key)["usage"]["total"]
    assert total["cache_read_tokens"] == message.usage.cache_read_input_tokens


def test_tokens_are_counted_as_they_are_billed(gateway, on, platform):
    made = on(platform)
    more = {"messages": QUESTION, "system": "You keep books.", "tools": [WEATHER]}
    counted = made.client.messages.count_tokens(model=platform.model, **more).input_tokens
    assert gateway.usage(made.key)["usage"]["total"]["requests"] == 0
    usage = asked(made.client, platform, **more).usage
    if platform.counts_tokens:
        assert counted == usage.input_tokens + (usage.cache_read_input_tokens or 0)
    else:
        assert counted == 0


def test_an_answer_ends_at_max_tokens(gateway, on, sandbox, platform):
    made = on(platform)
    message, _ = streamed(made.client, platform, max_tokens=5)
    assert message.stop_reason == "max_tokens" and message.usage.output_tokens == 5
    expect_billed(gateway, made, [message], sandbox, platform)


@pytest.mark.parametrize("name", ["safety", "blocked"])
def test_a_filtered_answer_is_a_refusal_that_is_paid(gateway, on, sandbox, platform, name):
    made = on(platform)
    model = f"sandbox-{name}"
    whole = asked(made.client, platform, model=model)
    stream, _ = streamed(made.client, platform, model=model)
    assert {whole.stop_reason, stream.stop_reason} == {"refusal"}
    # No rule of the price file matches: the default model's prices hold.
    expect_billed(gateway, made, [whole, stream], sandbox, platform, "claude-sonnet-5-5")


def test_a_prompt_that_is_too_long_is_a_400(gateway, on, platform):
    made = on(platform)
    error = raised(
        anthropic.BadRequestError, asked, made.client, platform, model="sandbox-too-long")
    assert error.type == "invalid_request_error"
    assert "prompt is too long" in error.api_message
    assert gateway.usage(made.key)["balance"] == 10


def test_many_at_a_time_add_up(gateway, on, sandbox, platform):
    made = on(platform)

    async def one(client, index):
        more = {"model": platform.model, "messages": QUESTION, "max_tokens": 300}
        if index % 2:
            return await client.messages.create(**more)
        async with client.messages.stream(**more) as stream:
            return await stream.get_final_message()

    async def all_of_them():
        async with anthropic.AsyncAnthropic(
            api_key=made.key, base_url=made.client.base_url, max_retries=0,
            timeout=daybook.SECONDS
        ) as client:
            return await asyncio.gather(*(one(client, index) for index in range(24)))

    messages = asyncio.run(all_of_them())
    assert len({message.id for message in messages}) == 24
    expect_billed(gateway, made, messages, sandbox, platform)


# Upstream status -> status and class at the caller.
MAPPED = {
    401: (502, anthropic.InternalServerError), 429: (429, anthropic.RateLimitError),
    503: (502, anthropic.InternalServerError)}


@pytest.mark.parametrize("status", MAPPED)
def test_an_upstream_error_is_mapped(gateway, on, platform, status):
    expected, kind = MAPPED[status]
    made = on(platform, f"fails-{status}")
    error = raised(
        anthropic.APIStatusError, asked, made.client, platform, model=f"sandbox-{status}")
    assert error.status_code == expected and isinstance(error, kind)
    if status == 429:
        assert 0 < int(error.response.headers["retry-after"]) <= 300
    usage = gateway.usage(made.key)
    assert usage["balance"] == 10 and usage["usage"]["total"]["requests"] == 0


@pytest.mark.parametrize("name", ["cut-inside", "stream-error"])
def test_a_broken_stream_is_charged_for_what_came(gateway, on, sandbox, platform, name):
    made = on(platform, name)
    seen = []

    def read():
        for event in asked(made.client, platform, model=f"sandbox-{name}", stream=True):
            seen.append(event.type)

    error = raised(anthropic.APIStatusError, read)
    assert error.type in ("api_error", "overloaded_error")
    assert seen[0] == "message_start" and "message_stop" not in seen
    settled, = (e for e in gateway.events("forward_settled") if e["user"] == made.user)
    row = sandbox.billed()[settled["upstream_message_id"]]
    charged, _ = daybook.charge("claude-sonnet-5-5", row["usage"], 1)
    assert settled["partial"] and not row["complete"]
    assert Decimal(settled["charged_usd"]) == charged > 0
    assert gateway.usage(made.key)["balance"] == 10 - charged


def test_a_stream_closed_halfway_is_charged_whole(gateway, on, long_sandbox, platform):
    made = on(platform, "long")
    with made.client.messages.create(
        model=platform.model, messages=QUESTION, max_tokens=400, stream=True
    ) as stream:
        assert next(iter(stream)).type == "message_start"
    while not gateway.usage(made.key)["usage"]["total"]["requests"]:
        pass
    settled, = (e for e in gateway.events("forward_settled") if e["user"] == made.user)
    row = long_sandbox.billed()[settled["upstream_message_id"]]
    charged, _ = daybook.charge(platform.model, row["usage"], 1)
    assert row["complete"] and not settled["partial"]
    assert Decimal(settled["charged_usd"]) == charged
    assert gateway.usage(made.key)["balance"] == 10 - charged
