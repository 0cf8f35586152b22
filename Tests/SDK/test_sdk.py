"""What the SDK does by itself: raw answers, retries, timeouts, pages, its helpers, leaving."""

import asyncio
import socket
import threading
from decimal import Decimal

import anthropic
import httpx2
import pytest

import daybook
from test_anthropic import QUESTION, ask, expect_charges
from test_errors import raised


class Counting(httpx2.HTTPTransport):
    """Counts what goes over the wire: the SDK's retries show here only."""

    def __init__(self, **options):
        super().__init__(**options)
        self.sent = []

    def handle_request(self, request):
        self.sent.append(request)
        return super().handle_request(request)


def counted(caller, *arguments, retries=3, **options):
    transport = Counting(**options)
    made = caller(
        *arguments, max_retries=retries, http_client=anthropic.DefaultHttpxClient(
            transport=transport))
    return made, transport


def settlements(gateway, user):
    return [e for e in gateway.events("forward_settled") if e["user"] == user]


def test_a_raw_response_has_our_request_id_and_the_upstreams(gateway, caller):
    client, _, user = caller()
    raw = client.messages.with_raw_response.create(
        model="claude-opus-5-5", max_tokens=64, messages=QUESTION)
    settled, = settlements(gateway, user)
    assert raw.request_id == raw.headers["request-id"] == settled["request_id"]
    assert raw.headers["x-upstream-request-id"].startswith("req_01")
    assert raw.parse().id == settled["upstream_message_id"]


def test_a_raw_stream_has_our_request_id(gateway, caller):
    client, _, user = caller()
    with client.messages.with_streaming_response.create(
        model="claude-opus-5-5", max_tokens=64, messages=QUESTION, stream=True
    ) as raw:
        assert raw.headers["content-type"] == "text/event-stream"
        lines = [line for line in raw.iter_lines() if line.startswith("event: ")]
    assert lines[0] == "event: message_start" and lines[-1] == "event: message_stop"
    settled, = settlements(gateway, user)
    assert raw.headers["request-id"] == settled["request_id"]


def test_an_error_has_our_request_id(caller):
    client, _, _ = caller("fails-400-whole")
    error = raised(anthropic.BadRequestError, ask, client, "sandbox-400")
    assert error.request_id == error.response.headers["request-id"]
    assert error.response.headers["x-upstream-request-id"].startswith("req_01")


# Status of the upstream, which passes these through, and the SDK's class for it.
CLASSES = {
    400: anthropic.BadRequestError, 404: anthropic.NotFoundError, 409: anthropic.ConflictError,
    413: anthropic.RequestTooLargeError, 422: anthropic.UnprocessableEntityError}


@pytest.mark.parametrize("status", CLASSES)
def test_each_status_has_its_class(gateway, caller, status):
    client, key, _ = caller("on-anthropic")
    error = raised(anthropic.APIStatusError, ask, client, f"sandbox-{status}")
    assert isinstance(error, CLASSES[status]) and error.status_code == status
    assert gateway.usage(key)["balance"] == 10


def test_a_route_that_is_not_there_is_a_404(caller):
    client, _, _ = caller()
    error = raised(anthropic.NotFoundError, client.messages.batches.list)
    assert error.type == "not_found_error"


@pytest.mark.parametrize("status", [409, 400])
def test_the_sdk_does_not_retry_what_says_so(caller, status):
    # By itself the SDK retries a 409; the upstream's x-should-retry: false comes through.
    made, transport = counted(caller, "on-anthropic")
    error = raised(anthropic.APIStatusError, ask, made.client, f"sandbox-{status}")
    assert error.response.headers["x-should-retry"] == "false"
    assert len(transport.sent) == 1


def test_the_sdk_does_not_retry_a_used_up_quota(caller):
    made, transport = counted(caller, "default", "10", "--quota", "0.000001")
    assert ask(made.client).content
    raised(anthropic.RateLimitError, ask, made.client)
    assert len(transport.sent) == 2


def test_the_sdk_retries_a_502_and_says_so(gateway, caller):
    made, transport = counted(caller, "retried", retries=1)
    raised(anthropic.InternalServerError, ask, made.client, "sandbox-500")
    counts = [request.headers["x-stainless-retry-count"] for request in transport.sent]
    assert counts == ["0", "1"]
    checks = [e for e in gateway.events("billing_checked") if e["user"] == made.user]
    assert [check["retry_count"] for check in checks] == [0, 1]


def test_a_server_that_is_not_there_is_a_connection_error():
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        port = nobody.getsockname()[1]
    client = anthropic.Anthropic(
        api_key="any", base_url=f"http://127.0.0.1:{port}", max_retries=0)
    raised(anthropic.APIConnectionError, ask, client)


def test_a_caller_that_times_out_is_charged_for_the_answer_it_did_not_wait_for(
        gateway, caller, slow_sandbox):
    client, key, user = caller("slow")
    raised(anthropic.APITimeoutError, ask, client.with_options(timeout=0.3))
    while gateway.usage(key)["held"]:
        pass
    settled, = settlements(gateway, user)
    row = slow_sandbox.billed()[settled["upstream_message_id"]]
    charged, _ = daybook.charge("claude-opus-5-5", row["usage"], 1)
    assert Decimal(settled["charged_usd"]) == charged
    assert gateway.usage(key)["balance"] == 10 - charged


def test_a_cancelled_task_is_charged_for_its_whole_stream(gateway, caller, long_sandbox):
    _, key, user = caller("long")

    async def read(begun):
        async with anthropic.AsyncAnthropic(
            api_key=key, base_url=gateway.url, max_retries=0, timeout=daybook.SECONDS
        ) as client:
            async for _ in await ask(client, stream=True):
                begun.set()

    async def cancel_it():
        begun = asyncio.Event()
        task = asyncio.create_task(read(begun))
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancel_it())
    while gateway.usage(key)["held"]:
        pass
    settled, = settlements(gateway, user)
    row = long_sandbox.billed()[settled["upstream_message_id"]]
    assert row["complete"] and not settled["partial"]
    charged, _ = daybook.charge("claude-opus-5-5", row["usage"], 1)
    assert gateway.usage(key)["balance"] == 10 - charged


def test_a_slow_reader_misses_nothing_and_slows_nobody(gateway, caller, flood_sandbox):
    # More megabytes than the sockets on the way take: the gateway has to wait for it.
    buffer = [(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)]
    made, _ = counted(caller, "flood", socket_options=buffer)
    with made.client.messages.with_streaming_response.create(
        model="claude-opus-5-5", max_tokens=100_000, messages=QUESTION, stream=True
    ) as raw:
        pieces = raw.iter_bytes(1024)
        received = [next(pieces)]
        # Nobody reads until another caller was served through the same gateway.
        other, _, _ = caller()
        assert ask(other).content
        assert not settlements(gateway, made.user)
        received += pieces
    text = b"".join(received)
    assert text.count(b"event: content_block_delta") == daybook.FLOOD
    assert text.endswith(b'event: message_stop\ndata: {"type":"message_stop"}\n\n')
    settled, = settlements(gateway, made.user)
    row = flood_sandbox.billed()[settled["upstream_message_id"]]
    charged, _ = daybook.charge("claude-opus-5-5", row["usage"], 1)
    assert not settled["partial"] and Decimal(settled["charged_usd"]) == charged
    assert gateway.usage(made.key)["balance"] == 10 - charged


def test_threads_of_several_callers_add_up(gateway, caller, sandbox):
    made = [caller() for _ in range(8)]
    messages = [[] for _ in made]

    def talk(caller, into):
        for index in range(4):
            if index % 2:
                into.append(ask(caller.client, "claude-odd-1"))
            else:
                with caller.client.messages.stream(
                    model="claude-odd-1", max_tokens=200, messages=QUESTION
                ) as stream:
                    into.append(stream.get_final_message())

    threads = [
        threading.Thread(target=talk, args=pair) for pair in zip(made, messages, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(daybook.SECONDS)
    billed = sandbox.billed()
    for one, of_it in zip(made, messages, strict=True):
        assert len(of_it) == 4
        expect_charges(gateway, one.key, of_it, "1.0", "claude-odd-1", billed)


def test_the_async_client_gets_typed_errors_too(gateway, caller):
    _, key, _ = caller()

    async def refused():
        async with anthropic.AsyncAnthropic(
            api_key=key, base_url=gateway.url, max_retries=0
        ) as client:
            with pytest.raises(anthropic.BadRequestError) as caught:
                await ask(client, "")
            return caught.value

    assert asyncio.run(refused()).api_message == "model is required"


def test_models_come_in_pages(caller):
    client, _, _ = caller("paged")
    page = client.models.list(limit=2)
    assert [model.id for model in page.data] == ["model-1", "model-2"]
    assert page.has_more and page.first_id == "model-1" and page.last_id == "model-2"
    every = [model.id for model in client.models.list(limit=2)]
    assert every == [f"model-{index}" for index in range(1, 6)]
    before = client.models.list(limit=2, before_id="model-4")
    assert [model.id for model in before.data] == ["model-2", "model-3"] and before.has_more
    assert client.models.list(after_id="no-such-model").data == []
    assert client.models.retrieve("model-5").display_name == "model-5"


def test_the_sdks_tool_runner_runs_a_tool_to_its_end(gateway, caller, sandbox):
    client, key, _ = caller()
    called = []

    @anthropic.beta_tool
    def get_weather(city: str) -> str:
        """The weather of a city.

        Args:
            city: its name
        """
        called.append(city)
        return "Sunny."

    messages = list(client.beta.messages.tool_runner(
        model="claude-odd-1", max_tokens=400, tools=[get_weather],
        messages=[{"role": "user", "content": "Ask get_weather how it is in Bern."}]))
    assert called == ["sandbox"]
    assert [message.stop_reason for message in messages] == ["tool_use", "end_turn"]
    expect_charges(gateway, key, messages, "1.0", "claude-odd-1", sandbox.billed())
