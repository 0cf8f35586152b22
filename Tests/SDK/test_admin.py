"""/admin over HTTP against the real server, by its own OpenAPI document: the document is valid, and
what it says of requests and answers is so. A killed server carries no command out twice."""

import hashlib
import http.client
import json
import random
import signal
import threading
import time

import jsonschema
import openapi_spec_validator
import pytest
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

import daybook

TOKEN = "b5a1f0c47e3d49f6a2c8d0e19b7f6352"


class Admin:
    """A gateway with /admin, and how to ask it."""

    def __init__(self, folder, sandbox):
        self.folder = folder
        self.sandbox = sandbox
        self.start()

    def start(self):
        self.gateway = daybook.Gateway(
            self.folder, [daybook.group("default"), daybook.group("pro", type="subscription")],
            [daybook.account("main", ["default", "pro"], self.sandbox)],
            top={"admin_token_sha256": hashlib.sha256(TOKEN.encode()).hexdigest()})

    def ask(self, method, path, body=None, query="", **headers):
        connection = http.client.HTTPConnection(
            self.gateway.url.removeprefix("http://"), timeout=daybook.SECONDS)
        try:
            fields = {"Authorization": f"Bearer {TOKEN}", **headers}
            if body is not None:
                fields["Content-Type"] = "application/json"
            connection.request(
                method, path + query, None if body is None else json.dumps(body), fields)
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read().decode()
        finally:
            connection.close()

    def command(self, path, body, key=None):
        headers = {"Idempotency-Key": key} if key else {}
        status, fields, text = self.ask("POST", f"/admin/{path}", body, **headers)
        return status, json.loads(text), fields.get("idempotent-replayed")

    def kill(self):
        self.gateway.process.send_signal(signal.SIGKILL)
        self.gateway.process.wait(daybook.SECONDS)


@pytest.fixture(scope="module")
def admin(tmp_path_factory, sandbox):
    serving = Admin(tmp_path_factory.mktemp("admin"), sandbox)
    yield serving
    assert serving.gateway.stop() == 0, serving.gateway.story()


@pytest.fixture(scope="module")
def document(admin):
    status, _, text = admin.ask("GET", "/admin/openapi.json")
    assert status == 200
    return json.loads(text)


def validator(document, schema):
    """A validator of a schema of the document, its references into the document resolved."""
    resource = Resource(contents=document, specification=DRAFT202012)
    return jsonschema.Draft202012Validator(
        json.loads(json.dumps(schema).replace('"#/', '"urn:document#/')),
        registry=Registry().with_resource("urn:document", resource),
        format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER)


def test_the_document_is_valid_openapi(document):
    openapi_spec_validator.validate(document)
    assert document["openapi"].startswith("3.1.")


CHEAP = '{"claude-opus-5-5": {"input_cost_per_token": 1e-06, "output_cost_per_token": 2e-06}}'

EXAMPLES = {
    "/admin/user/add": {"name": "ann", "concurrency": 3, "reason": "a test"},
    "/admin/user/set": {"user": "ann", "status": "active"},
    "/admin/key/issue": {"user": "ann", "group": "default", "name": "k", "quota": 1.5},
    "/admin/key/set": {"key": "k", "expires": "2090-01-01T00:00:00Z"},
    "/admin/credit/add": {"user": "ann", "usd": "12.5", "reason": "r", "external_id": "x-1"},
    "/admin/subscription/grant": {"user": "ann", "group": "pro", "days": 30},
    "/admin/subscription/extend": {"user": "ann", "group": "pro", "days": 1},
    "/admin/account/disable": {"account": "main", "reason": "r"},
    "/admin/account/enable": {"account": "main"},
    "/admin/prices/import": {
        "text": '{"m": {"input_cost_per_token": 1e-06, "output_cost_per_token": 2e-06}}',
        "effective_from": "never"},
    "/admin/prices/show": {"model": "claude-opus-5-5"},
    "/admin/prices/diff": {"to": "1"},
    "/admin/reprice": {"text": CHEAP, "all": "true"},
    "/admin/reprice/apply": {"text": CHEAP, "reason": "a test"},
    "/admin/reprice/revert": {"job": "of a charge that was corrected"},
    "/admin/as-of": {"what": "balance", "name": "ann", "time": "now"},
    "/admin/statement": {"user": "ann"},
    "/admin/receipt": {"event": "1"},
    "/admin/reload": {},
    "/admin/compact": {},
    "/admin/audit": {"checkpoint": "of the log itself"},
    "/admin/prices/explain": {"sequence": "of a charge"},
    "/admin/rebuild": {},
    "/admin/verify": {},
    "/admin/balance": {"user": "ann"},
    "/admin/usage": {"key": "k"},
    "/admin/subscription/revoke": {"user": "ann", "group": "pro"},
    "/admin/key/revoke": {"key": "k"},
}


def head(admin):
    """The signed head that is served; it is there within a second of the first event."""
    patience = time.monotonic() + daybook.SECONDS
    while True:
        status, _, text = admin.ask("GET", "/ledger/checkpoint")
        if status == 200:
            return text
        assert time.monotonic() < patience, text
        time.sleep(0.05)


def charge(admin, key):
    """The sequence number of a request's settlement."""
    status, _, text = admin.ask(
        "POST", "/v1/messages",
        {"model": "claude-opus-5-5", "max_tokens": 10,
         "messages": [{"role": "user", "content": "Hello"}]},
        **{"Authorization": "", "x-api-key": key})
    assert status == 200, text
    return admin.gateway.events("forward_settled")[-1]["sequence"]


def test_every_operation_answers_what_the_document_says(admin, document):
    operations = [
        (path, method, item)
        for path, methods in document["paths"].items() for method, item in methods.items()]
    # Commands in the order of the examples, then the questions.
    order = list(EXAMPLES)
    operations.sort(
        key=lambda one: (one[1] == "get", order.index(one[0]) if one[0] in order else -1))
    issued = None
    revoking = [one for one in operations if one[0].endswith("/revoke")]
    for path, method, item in [one for one in operations if one not in revoking] + revoking:
        given = EXAMPLES.get(path, {})
        if path == "/admin/audit":
            given = {"checkpoint": head(admin)}
        if path == "/admin/prices/explain":
            given = {"sequence": charge(admin, issued)}
        if path == "/admin/reprice/apply":
            charge(admin, issued)
        if path == "/admin/reprice/revert":
            given = {"job": 1}
        query = "&".join(f"{name}={value}" for name, value in given.items())
        if method == "post":
            assert "requestBody" in item
            wanted = item["requestBody"]["content"]["application/json"]["schema"]
            validator(document, wanted).validate(given)
            status, headers, text = admin.ask("POST", path, given)
        else:
            status, headers, text = admin.ask("GET", path, query=f"?{query}" if query else "")
        assert status == 200, (path, text)
        if path == "/admin/key/issue":
            issued = json.loads(text)["key"]
        (kind, content), = item["responses"]["200"]["content"].items()
        assert headers["content-type"] == kind
        lines = text.splitlines() if kind == "application/jsonl" else [text]
        for line in lines:
            validator(document, content["schema"]).validate(json.loads(line))


def test_refusals_are_the_documents_too(admin, document):
    error = validator(document, document["components"]["schemas"]["Error"])
    for path, methods in document["paths"].items():
        for method, item in methods.items():
            status, headers, text = admin.ask(method.upper(), path, Authorization="Bearer no")
            assert str(status) in item["responses"], (path, status)
            assert status in (401, 429)
            error.validate(json.loads(text))


@pytest.fixture
def own(tmp_path, sandbox):
    serving = Admin(tmp_path, sandbox)
    yield serving
    serving.gateway.stop()


def test_a_killed_server_repeats_the_answer_and_not_the_command(own):
    own.command("user/add", {"name": "ann"})
    credit = {"user": "ann", "usd": "5", "reason": "r"}
    first = own.command("credit/add", credit, key="once")
    issued = own.command("key/issue", {"user": "ann", "group": "default"}, key="issue")
    own.kill()
    own.start()
    again = own.command("credit/add", credit, key="once")
    assert (first[0], first[2]) == (200, None)
    assert (again[0], again[1], again[2]) == (200, first[1], "true")
    assert len(own.gateway.events("credit_added")) == 1
    gone = own.command("key/issue", {"user": "ann", "group": "default"}, key="issue")
    assert gone[0] == 409 and gone[1]["error"]["code"] == "answer_not_kept"
    assert issued[1]["id"] in gone[1]["error"]["message"]
    assert "key" not in gone[1]["error"]["first_answer"]
    assert len(own.gateway.events("key_issued")) == 1
    assert own.command("credit/add", {**credit, "usd": "6"}, key="once")[0] == 422


def test_commands_repeated_after_deaths_at_any_moment_count_once(own):
    seed = random.randrange(10**6)
    print("seed", seed)
    dice = random.Random(seed)
    own.command("user/add", {"name": "ann"})
    answers = {}

    def send(key):
        status, body, replayed = own.command(
            "credit/add", {"user": "ann", "usd": "1", "reason": key}, key=key)
        assert status == 200, body
        # Whatever was answered once is answered for ever.
        assert answers.setdefault(key, body) == body
        return replayed

    def send_until_death(keys):
        try:
            for key in keys:
                send(key)
        except (OSError, http.client.HTTPException):
            pass

    keys = []
    for death in range(8):
        rows = [[f"{death}-{row}-{number}" for number in range(2000)] for row in range(4)]
        threads = [threading.Thread(target=send_until_death, args=(row,)) for row in rows]
        before = len(answers)
        for thread in threads:
            thread.start()
        while len(answers) < before + dice.randrange(1, 120):
            time.sleep(0.001)
        own.kill()
        for thread in threads:
            thread.join()
        own.start()
        # Those that were answered, and in each row the one that was under way.
        for row in rows:
            sent = [key for key in row if key in answers]
            keys += row[:len(sent) + 1]
            send(row[len(sent)])
            if sent:
                assert send(dice.choice(sent)) == "true"
    credits = [event["reason"] for event in own.gateway.events("credit_added")]
    assert sorted(credits) == sorted(keys), f"seed {seed}"
    balance = json.loads(own.ask("GET", "/admin/balance", query="?user=ann")[2])
    assert balance["balance_usd"] == str(len(keys))


def test_the_command_line_and_admin_see_the_same(own):
    own.gateway.user("bob", "3")
    status, balance, _ = own.command("user/set", {"user": "bob", "concurrency": 7})
    assert status == 200 and balance["balance_usd"] == "3"
    listed = json.loads(own.gateway.command("user", "list", "--json"))
    status, _, text = own.ask("GET", "/admin/user/list")
    assert json.loads(text)["data"] == listed
