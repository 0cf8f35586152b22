"""Callers as they are met: Claude Code's requests, HTTP/1.0, slow readers, callers that leave.

What the SDK hides, bare sockets show: the bytes on the wire.
"""

import json
import socket
import urllib.parse
from decimal import Decimal

import pytest

import daybook
from test_anthropic import QUESTION, ask, expect_charges

SESSION = "5f0e8f5e-8a52-4c63-9f0d-0f5a7d1c2b3a"
BETA = ",".join(f"a-feature-of-{month:02}-{index:02}-2026-01-01"
                for month in range(1, 13) for index in range(1, 7))
CLAUDE_CODE = {
    "accept": "application/json",
    "accept-encoding": "gzip, deflate, br, zstd",
    "anthropic-version": "2023-06-01",
    "anthropic-beta": BETA,
    "content-type": "application/json",
    "user-agent": "claude-cli/2.1.330 (external, sdk-cli)",
    "x-app": "cli",
    "x-claude-code-session-id": SESSION,
    "x-stainless-lang": "js",
    "x-stainless-retry-count": "1",
}


def claude_code(**more):
    return {
        "model": "claude-opus-5-5",
        "max_tokens": 128000,
        "thinking": {"type": "adaptive"},
        "context_management": {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]},
        "output_config": {"effort": "high"},
        "system": [
            {"type": "text", "text": "You are a command line.",
             "cache_control": {"type": "ephemeral"}},
            {"type": "text", "text": "Do as you are told. " * 1500,
             "cache_control": {"type": "ephemeral", "ttl": "1h"}},
        ],
        "tools": [{"name": "Bash", "description": "Runs a command.", "input_schema": {
            "type": "object", "properties": {"command": {"type": "string"}}}}],
        "metadata": {"user_id": json.dumps(
            {"device_id": "d" * 64, "account_uuid": "", "session_id": SESSION})},
        "messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}]}],
        "stream": True, **more}


def dial(gateway, receive_buffer=None):
    where = urllib.parse.urlsplit(gateway.url)
    bare = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    if receive_buffer:
        bare.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    bare.settimeout(daybook.SECONDS)
    bare.connect((where.hostname, where.port))
    return bare


def send(bare, key, body, method="POST", path="/v1/messages", version="1.1", headers=None):
    data = json.dumps(body).encode() if body is not None else b""
    fields = {"host": "daybook", "x-api-key": key, **(headers or {})}
    if body is not None:
        fields["content-length"] = len(data)
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    bare.sendall(f"{method} {path} HTTP/{version}\r\n{head}\r\n".encode() + data)


def whole(bare, piece=65536):
    """Everything until the other side closes: status line, header fields, bytes after them."""
    received = b""
    while more := bare.recv(piece):
        received += more
    head, _, body = received.partition(b"\r\n\r\n")
    status, *lines = head.decode().split("\r\n")
    return status, [tuple(line.split(": ", 1)) for line in lines], body


def exchange(gateway, *arguments, **more):
    with dial(gateway) as bare:
        send(bare, *arguments, **more)
        return whole(bare)


def unchunked(body):
    text = b""
    while body:
        size, _, body = body.partition(b"\r\n")
        if int(size, 16) == 0:
            assert body == b"\r\n"
            return text
        text, body = text + body[:int(size, 16)], body[int(size, 16) + 2:]
    raise AssertionError("the last chunk is missing")


def events(text):
    lines = text.decode().splitlines()
    return [json.loads(line[6:]) for line in lines if line.startswith("data: ")]


def settlement(gateway, user):
    settled = [e for e in gateway.events("forward_settled") if e["user"] == user]
    assert len(settled) == 1
    return settled[0]


def until_settled(gateway, key):
    """Asks for the usage until the only request is in it."""
    while True:
        usage = gateway.usage(key)
        if usage["usage"]["total"]["requests"]:
            return usage


def expect_exact(usage, settled, billed):
    """The charge is what the sandbox billed for the whole answer; nothing is held any more."""
    row = billed[settled["upstream_message_id"]]
    charged, _ = daybook.charge(row["model"], row["usage"], 1)
    assert Decimal(settled["charged_usd"]) == charged > 0
    assert usage["balance"] == 10 - charged
    assert usage["held"] == 0


def test_claude_codes_request_is_admitted_on_ten_dollars_and_charged_exactly(
        gateway, caller, sandbox):
    _, key, user = caller()
    status, fields, body = exchange(
        gateway, key, claude_code(), path="/v1/messages?beta=true",
        headers={**CLAUDE_CODE, "connection": "close"})
    assert status == "HTTP/1.1 200 OK"
    names = [name for name, _ in fields]
    assert len(names) == len(set(names)), "no header field twice"
    assert dict(fields)["content-type"] == "text/event-stream"
    assert "content-encoding" not in names
    seen = events(unchunked(body))
    assert seen[0]["type"] == "message_start" and seen[-1]["type"] == "message_stop"

    check, = (e for e in gateway.events("billing_checked") if e["user"] == user)
    # 4,096 output tokens at most, and some 10,000 of input: not 128,000 x $20 / 10^6 = $2.56.
    assert Decimal("0.08192") < Decimal(check["hold_usd"]) < Decimal("0.2")
    assert check["user_agent"] == CLAUDE_CODE["user-agent"]
    assert check["retry_count"] == 1
    settled = settlement(gateway, user)
    assert settled["cache_write_1h_tokens"] + settled["cache_read_tokens"] > 0
    expect_exact(gateway.usage(key), settled, sandbox.billed())


def test_an_upstream_gets_what_it_needs_and_no_secret(gateway, caller, recording_upstream):
    _, key, _ = caller("recorded")
    sent = claude_code(stream=False)
    status, _, _ = exchange(
        gateway, key, sent, path="/v1/messages?beta=true&foo=bar", headers={
            **CLAUDE_CODE, "connection": "close", "cookie": "a=b", "idempotency-key": "once",
            "x-forwarded-for": "10.0.0.1", "forwarded": "for=10.0.0.1",
            "authorization": f"Bearer {key}"})
    assert status == "HTTP/1.1 200 OK"
    path, headers, body = recording_upstream.received[-1]
    assert path == "/v1/messages?beta=true"
    for name in ("accept", "anthropic-version", "anthropic-beta", "content-type", "user-agent",
                 "x-app", "x-stainless-lang"):
        assert headers.get_all(name) == [CLAUDE_CODE[name]]
    assert headers.get_all("accept-encoding") == ["identity"]
    assert headers.get_all("x-api-key") == ["sk-ant-sandbox"]
    for name in ("authorization", "cookie", "forwarded", "x-forwarded-for", "idempotency-key",
                 "x-claude-code-session-id"):
        assert name not in headers
    assert key not in str(headers)
    assert body == json.dumps(sent).encode()


def test_head_is_get_without_its_body(gateway, caller):
    _, key, _ = caller()
    for path in ("/v1/usage", "/v1/models", "/healthz", "/readyz"):
        status, fields, body = exchange(
            gateway, key, None, "HEAD", path, headers={"connection": "close"})
        assert status == "HTTP/1.1 200 OK" and body == b""
        assert dict(fields)["content-type"] == "application/json"
        assert dict(fields)["request-id"]


@pytest.mark.parametrize("stream", [False, True])
def test_http_1_0_gets_no_chunks(gateway, caller, sandbox, stream):
    _, key, user = caller()
    status, fields, body = exchange(
        gateway, key, claude_code(stream=stream), version="1.0", headers=CLAUDE_CODE)
    assert status == "HTTP/1.1 200 OK"
    fields = dict(fields)
    assert "transfer-encoding" not in fields and fields["connection"] == "close"
    if stream:
        assert events(body)[-1]["type"] == "message_stop"
    else:
        assert int(fields["content-length"]) == len(body)
        assert json.loads(body)["type"] == "message"
    expect_exact(gateway.usage(key), settlement(gateway, user), sandbox.billed())


def test_a_slow_reader_gets_its_whole_stream(gateway, caller, long_sandbox):
    _, key, user = caller("long")
    with dial(gateway, receive_buffer=2048) as bare:
        send(bare, key, claude_code(), headers={**CLAUDE_CODE, "connection": "close"})
        _, _, body = whole(bare, piece=64)
    seen = events(unchunked(body))
    assert seen[-1]["type"] == "message_stop" and len(seen) > 150
    expect_exact(gateway.usage(key), settlement(gateway, user), long_sandbox.billed())


def test_a_stream_of_the_sdk_closed_halfway_is_charged_whole(gateway, caller, long_sandbox):
    client, key, user = caller("long")
    with ask(client, stream=True) as stream:
        assert next(iter(stream)).type == "message_start"
        assert gateway.usage(key)["held"] > 0
    usage = until_settled(gateway, key)
    settled = settlement(gateway, user)
    # The drain heard the upstream out: nothing is estimated.
    assert not settled["partial"] and not settled["estimated"]
    expect_exact(usage, settled, long_sandbox.billed())


def test_a_caller_that_leaves_before_its_answer_is_charged(gateway, caller, slow_sandbox):
    _, key, user = caller("slow")
    with dial(gateway) as bare:
        send(bare, key, {"model": "claude-opus-5-5", "max_tokens": 64, "messages": QUESTION})
        while not gateway.usage(key)["held"]:
            pass
    usage = until_settled(gateway, key)
    expect_exact(usage, settlement(gateway, user), slow_sandbox.billed())


def test_callers_that_left_keep_no_slot_while_they_drain(gateway, caller, stalled_sandbox):
    client, key, user = caller()
    stalled = gateway.key(user, "stalled")
    callers = [dial(gateway) for _ in range(5)]
    for bare in callers:
        send(bare, stalled, {"model": "claude-opus-5-5", "max_tokens": 8, "messages": QUESTION})
    while len([e for e in gateway.events("billing_checked") if e["user"] == user]) < 5:
        pass
    for bare in callers:
        bare.close()
    # Five may run at a time, and their upstream never ends: else this one gets a 429.
    assert ask(client).content
    assert gateway.usage(key)["held"] > 0
    # The drains end with their upstream.
    stalled_sandbox.stop()
    while gateway.usage(key)["held"]:
        pass
