"""The official SDK against `daybook serve`: answers, streams, and what they cost."""

import asyncio
from decimal import Decimal

import anthropic
import pytest

import conftest
import daybook

QUESTION = [{"role": "user", "content": "What is a daybook? " * 40}]
CACHED_SYSTEM = [
    {"type": "text", "text": "You keep books. " * 400,
     "cache_control": {"type": "ephemeral", "ttl": "1h"}},
    {"type": "text", "text": "You answer briefly. " * 400,
     "cache_control": {"type": "ephemeral"}},
]


def ask(client, model="claude-opus-5-5", **more):
    return client.messages.create(model=model, max_tokens=256, messages=QUESTION, **more)


def expect_charges(gateway, key, messages, multiplier, model, billed):
    """GET /v1/usage, `cat` and the balance show exactly what the sandbox billed."""
    rows = {m.id: billed[daybook.upstream_id(m, billed)] for m in messages}
    assert all(row["complete"] for row in rows.values())
    charges = {
        name: daybook.charge(model, row["usage"], multiplier) for name, row in rows.items()}
    charged = sum((c for c, _ in charges.values()), Decimal(0))
    listed = sum((c for _, c in charges.values()), Decimal(0))

    usage = gateway.usage(key)
    for span in (usage["usage"]["total"], usage["usage"]["today"]):
        assert span["requests"] == len(messages)
        assert span["actual_cost"] == charged
        assert span["cost"] == listed
        assert span["input_tokens"] == sum(m.usage.input_tokens for m in messages)
        assert span["output_tokens"] == sum(m.usage.output_tokens for m in messages)
    assert usage["isValid"] is True
    assert usage["unit"] == "USD"
    assert usage["balance"] == usage["remaining"] == 10 - charged

    settled = {e["upstream_message_id"]: e for e in gateway.events("forward_settled")}
    for message in messages:
        event = settled[daybook.upstream_id(message, billed)]
        assert Decimal(event["charged_usd"]) == charges[message.id][0]
        assert Decimal(event["list_usd"]) == charges[message.id][1]
        assert not event["partial"] and not event["estimated"]


@pytest.mark.parametrize("group", conftest.MULTIPLIERS)
@pytest.mark.parametrize("model", ["claude-opus-5-5", "claude-odd-1"])
def test_an_answer_is_charged_exactly(gateway, caller, sandbox, group, model):
    client, key, _ = caller(group)
    message = ask(client, model)
    assert message.type == "message" and message.role == "assistant"
    assert message.model == model
    assert message.content[0].text
    assert message.usage.output_tokens > 0
    billed = sandbox.billed()
    assert billed[message.id]["usage"]["output_tokens"] == message.usage.output_tokens
    expect_charges(gateway, key, [message], conftest.MULTIPLIERS[group], model, billed)


@pytest.mark.parametrize("group", ["default", "cheap"])
def test_a_stream_is_charged_exactly(gateway, caller, sandbox, group):
    client, key, _ = caller(group)
    with client.messages.stream(
        model="claude-odd-1", max_tokens=256, messages=QUESTION
    ) as stream:
        text = "".join(stream.text_stream)
        message = stream.get_final_message()
    assert text and message.content[0].text == text
    assert message.stop_reason in ("end_turn", "max_tokens")
    expect_charges(
        gateway, key, [message], conftest.MULTIPLIERS[group], "claude-odd-1", sandbox.billed())


def test_raw_stream_events_arrive_in_anthropics_order(caller):
    client, _, _ = caller()
    kinds = [event.type for event in ask(client, stream=True)]
    assert kinds[0] == "message_start"
    assert kinds[1] == "content_block_start"
    assert "content_block_delta" in kinds
    assert kinds[-2:] == ["message_delta", "message_stop"]


def test_cached_tokens_have_their_own_prices(gateway, caller, sandbox):
    client, key, _ = caller("dear")
    messages = [ask(client, "claude-odd-1", system=CACHED_SYSTEM) for _ in range(3)]
    cached = [
        m.usage.cache_creation_input_tokens + m.usage.cache_read_input_tokens for m in messages]
    assert all(cached), "the sandbox is to bill cached tokens here"
    expect_charges(
        gateway, key, messages, conftest.MULTIPLIERS["dear"], "claude-odd-1", sandbox.billed())
    total = gateway.usage(key)["usage"]["total"]
    created = sum(m.usage.cache_creation_input_tokens for m in messages)
    assert total["cache_creation_tokens"] == created
    assert total["cache_read_tokens"] == sum(m.usage.cache_read_input_tokens for m in messages)


def test_a_renamed_model_comes_back_under_the_name_asked_for(gateway, caller, sandbox):
    client, key, _ = caller()
    message = ask(client, "my-opus")
    assert message.model == "my-opus"
    with client.messages.stream(model="my-opus", max_tokens=64, messages=QUESTION) as stream:
        streamed = stream.get_final_message()
    assert streamed.model == "my-opus"
    billed = sandbox.billed()
    assert {billed[m.id]["model"] for m in (message, streamed)} == {"claude-opus-5-5"}
    expect_charges(gateway, key, [message, streamed], "1.0", "claude-opus-5-5", billed)


def test_many_concurrent_streams_and_answers_add_up(gateway, caller, sandbox):
    _, key, _ = caller()

    async def one(client, index):
        if index % 2:
            return await ask(client, "claude-odd-1")
        async with client.messages.stream(
            model="claude-odd-1", max_tokens=128, messages=QUESTION
        ) as stream:
            return await stream.get_final_message()

    async def all_of_them():
        async with anthropic.AsyncAnthropic(
            api_key=key, base_url=gateway.url, max_retries=0, timeout=daybook.SECONDS
        ) as client:
            return await asyncio.gather(*(one(client, index) for index in range(24)))

    messages = asyncio.run(all_of_them())
    assert len({m.id for m in messages}) == 24
    expect_charges(gateway, key, messages, "1.0", "claude-odd-1", sandbox.billed())


def test_our_request_id_is_the_sdks_request_id(gateway, caller):
    client, _, _ = caller()
    message = ask(client)
    ids = {e["upstream_message_id"]: e["request_id"] for e in gateway.events("forward_settled")}
    assert message._request_id and ids[message.id] == message._request_id


def test_a_bearer_token_is_a_key_too(gateway, caller):
    _, key, _ = caller()
    client = anthropic.Anthropic(
        api_key=None, auth_token=key, base_url=gateway.url, max_retries=0)
    assert ask(client).content


def test_tokens_are_counted_for_nothing(gateway, caller):
    client, key, _ = caller()
    counted = client.messages.count_tokens(model="claude-opus-5-5", messages=QUESTION)
    assert counted.input_tokens > 0
    usage = gateway.usage(key)
    assert usage["balance"] == 10
    assert usage["usage"]["total"]["requests"] == 0


def test_models_are_listed_and_found(caller):
    client, _, _ = caller()
    listed = [model.id for model in client.models.list()]
    assert listed == sorted(listed) and listed
    assert client.models.retrieve(listed[0]).id == listed[0]
    with pytest.raises(anthropic.NotFoundError) as caught:
        client.models.retrieve("no-such-model")
    assert caught.value.type == "not_found_error"


def test_usage_and_models_answer_a_key_with_nothing_left(gateway, caller):
    client, key, _ = caller("default", None)
    usage = gateway.usage(key)
    assert usage["balance"] == 0 and usage["remaining"] == 0
    assert list(client.models.list())
