"""Every error of the gateway becomes the SDK's typed exception and charges nothing undue."""

import threading
from decimal import Decimal

import anthropic
import httpx2
import pytest

import conftest
import daybook
from test_anthropic import QUESTION, ask


def raised(kind, call, *arguments, **more):
    with pytest.raises(kind) as caught:
        call(*arguments, **more)
    return caught.value


def expect_untouched(gateway, key):
    usage = gateway.usage(key)
    assert usage["balance"] == 10
    assert usage["usage"]["total"]["requests"] == 0


def test_400_for_a_missing_model(gateway, caller):
    client, key, _ = caller()
    error = raised(anthropic.BadRequestError, ask, client, "")
    assert error.status_code == 400
    assert error.type == "invalid_request_error"
    assert error.api_message == "model is required"
    assert error.request_id
    expect_untouched(gateway, key)


def test_400_for_a_body_that_is_no_object(gateway, caller):
    client, key, _ = caller()
    error = raised(
        anthropic.BadRequestError, client.post, "/v1/messages", cast_to=httpx2.Response, body=[1])
    assert error.type == "invalid_request_error"
    assert error.api_message == "Failed to parse request body"
    expect_untouched(gateway, key)


def test_401_for_an_unknown_key(gateway):
    client = anthropic.Anthropic(api_key="sk-wrong", base_url=gateway.url, max_retries=0)
    error = raised(anthropic.AuthenticationError, ask, client)
    assert error.body == {"code": "INVALID_API_KEY", "message": "Invalid API key"}


def test_401_for_a_disabled_key(gateway, caller):
    client, _, user = caller()
    ids = [row["id"] for row in daybook.exact(gateway.command("key", "list", "--json"))
           if row["user"] == user]
    gateway.command("key", "set", *ids, "--status", "disabled")
    error = raised(anthropic.AuthenticationError, ask, client)
    assert error.body["code"] == "API_KEY_DISABLED"


def test_403_for_an_empty_balance(caller):
    client, _, _ = caller("default", None)
    error = raised(anthropic.PermissionDeniedError, ask, client)
    assert error.body == {
        "code": "INSUFFICIENT_BALANCE", "message": "Insufficient account balance"}


def test_403_for_a_group_without_subscription(caller):
    client, _, _ = caller("limited")
    error = raised(anthropic.PermissionDeniedError, ask, client)
    assert error.body == {
        "code": "SUBSCRIPTION_NOT_FOUND", "message": "No active subscription found for this group"}


def test_403_for_an_expired_key(caller):
    client, _, _ = caller("default", "10", "--expires", "2020-01-01T00:00:00Z")
    error = raised(anthropic.PermissionDeniedError, ask, client)
    assert error.body["code"] == "API_KEY_EXPIRED"


def test_413_for_a_body_over_the_limit(gateway, caller):
    client, key, _ = caller()
    long = [{"role": "user", "content": "x" * 1_200_000}]
    error = raised(
        anthropic.APIStatusError, client.messages.create,
        model="claude-opus-5-5", max_tokens=16, messages=long)
    assert error.status_code == 413
    assert isinstance(error, anthropic.RequestTooLargeError)
    assert error.api_message == "Request body too large, limit is 1MB"
    expect_untouched(gateway, key)


def test_429_for_a_subscription_at_its_limit_is_not_retried(gateway, caller):
    client, key, user = caller("limited", "10", max_retries=5)
    gateway.command("subscription", "grant", "--user", user, "--group", "limited", "--days", 1)
    assert ask(client).content
    error = raised(anthropic.RateLimitError, ask, client)
    assert error.body == {"code": "USAGE_LIMIT_EXCEEDED", "message": "daily usage limit exceeded"}
    assert error.response.headers["x-should-retry"] == "false"
    assert 0 < int(error.response.headers["retry-after"]) <= 86_400
    usage = gateway.usage(key)
    assert usage["mode"] == "subscription" and usage["remaining"] == 0


def test_429_for_a_key_whose_quota_is_used_up(caller):
    client, _, _ = caller("default", "10", "--quota", "0.000001", max_retries=5)
    assert ask(client).content
    error = raised(anthropic.RateLimitError, ask, client)
    assert error.body["code"] == "API_KEY_QUOTA_EXHAUSTED"
    assert error.response.headers["x-should-retry"] == "false"


def test_429_while_a_hold_reserves_the_balance_and_the_sdk_retries_it(gateway, caller):
    client, key, user = caller("slow", "0.01")
    first = []
    running = threading.Thread(target=lambda: first.append(ask(client, "claude-opus-5-5")))
    running.start()
    # The admission of the first is what makes the second wait: look for the event, not the clock.
    while not gateway.command("cat", "--type", "billing_checked", "--user", user):
        assert running.is_alive()
    error = raised(anthropic.RateLimitError, ask, client)
    assert error.type == "rate_limit_error"
    assert error.api_message == "Balance is reserved by requests in flight, please retry later"
    assert error.response.headers["retry-after"] == "1"
    # What the SDK does by itself.
    assert ask(client.with_options(max_retries=4)).content
    running.join(daybook.SECONDS)
    assert first[0].content
    assert gateway.usage(key)["usage"]["total"]["requests"] == 2


MAPPED = {
    401: (502, anthropic.InternalServerError, "upstream_error",
          "Upstream authentication failed, please contact administrator"),
    403: (502, anthropic.InternalServerError, "upstream_error",
          "Upstream access forbidden, please contact administrator"),
    429: (429, anthropic.RateLimitError, "rate_limit_error",
          "Upstream rate limit exceeded, please retry later"),
    500: (502, anthropic.InternalServerError, "upstream_error",
          "Upstream service temporarily unavailable"),
    529: (503, anthropic.ServiceUnavailableError, "overloaded_error",
          "Upstream service overloaded, please retry later"),
}
MAPPED |= {status: MAPPED[500] for status in (502, 503, 504)}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("status", MAPPED)
def test_an_upstream_error_is_mapped(gateway, caller, status, stream):
    expected, kind, error_type, text = MAPPED[status]
    client, key, _ = caller(f"fails-{status}-{'stream' if stream else 'whole'}")
    error = raised(anthropic.APIStatusError, ask, client, f"sandbox-{status}", stream=stream)
    assert error.status_code == expected
    assert isinstance(error, kind)
    assert error.type == error_type
    assert error.api_message == text
    if expected in (429, 503):
        assert int(error.response.headers["retry-after"]) > 0
    expect_untouched(gateway, key)


@pytest.mark.parametrize("status", [400, 404, 418])
def test_another_4xx_passes_through_uncharged(gateway, caller, status):
    client, key, _ = caller(f"fails-{status}-whole")
    error = raised(anthropic.APIStatusError, ask, client, f"sandbox-{status}")
    assert error.status_code == status
    assert error.body["type"] == "error"
    # No cool-down either: the account still answers.
    assert ask(client).content
    assert gateway.usage(key)["usage"]["total"]["requests"] == 1


def test_a_connection_cut_before_the_answer_is_a_502(gateway, caller):
    client, key, _ = caller("cut-before")
    error = raised(anthropic.InternalServerError, ask, client)
    assert error.status_code == 502
    assert error.api_message == "Upstream request failed"
    expect_untouched(gateway, key)


def test_a_stream_cut_inside_ends_in_an_error_event_and_a_partial_charge(gateway, caller):
    client, key, user = caller("cut-inside")
    seen = []

    def read():
        for event in ask(client, stream=True):
            seen.append(event.type)

    error = raised(anthropic.APIStatusError, read)
    assert seen[0] == "message_start" and "message_stop" not in seen
    assert error.type == "api_error"
    assert error.api_message == "Upstream stream ended unexpectedly"
    settled = [e for e in gateway.events("forward_settled") if e["user"] == user]
    assert len(settled) == 1
    assert settled[0]["partial"] and settled[0]["reason"] == "upstream_cut"
    charged = Decimal(settled[0]["charged_usd"])
    assert charged > 0
    assert gateway.usage(key)["balance"] == 10 - charged
