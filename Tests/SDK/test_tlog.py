"""The log as a transparency log, checked by others: `pymerkle` builds its own tree from the served
records and must come to the same roots and proofs, the signatures are checked with RFC 8032's
arithmetic, and the heads reach a webhook. Nothing here uses Daybook's code."""

import base64
import hashlib
import http.client
import http.server
import json
import threading
import time
import urllib.error
import urllib.request

import pymerkle
import pytest

import daybook

TOKEN = "f0e1d2c3b4a5968778695a4b3c2d1e0f"


# RFC 8032, section 5.1.7 and 6: checking an Ed25519 signature.

P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P


def add(a, b):
    left, right = (a[1] - a[0]) * (b[1] - b[0]) % P, (a[1] + a[0]) * (b[1] + b[0]) % P
    c, d = 2 * a[3] * b[3] * D % P, 2 * a[2] * b[2] % P
    e, f, g, h = right - left, d - c, d + c, right + left
    return e * f % P, g * h % P, f * g % P, e * h % P


def multiply(scalar, point):
    total = (0, 1, 1, 0)
    while scalar:
        if scalar & 1:
            total = add(total, point)
        point = add(point, point)
        scalar >>= 1
    return total


def recover_x(y, sign):
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    assert (x * x - square) % P == 0
    return P - x if x & 1 != sign else x


def point(data):
    number = int.from_bytes(data, "little")
    y, sign = number & ((1 << 255) - 1), number >> 255
    x = recover_x(y, sign)
    return x, y, 1, x * y % P


BASE_Y = 4 * pow(5, P - 2, P) % P
BASE = (recover_x(BASE_Y, 0), BASE_Y, 1, recover_x(BASE_Y, 0) * BASE_Y % P)


def is_signed(public, message, signature):
    r, s = point(signature[:32]), int.from_bytes(signature[32:], "little")
    if s >= ORDER:
        return False
    k = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % ORDER
    left, right = multiply(s, BASE), add(r, multiply(k, point(public)))
    return ((left[0] * right[2] - right[0] * left[2]) % P == 0
            and (left[1] * right[2] - right[1] * left[2]) % P == 0)


def checked(note, vkey):
    """Size and root of a checkpoint whose signature is right."""
    name, key_id, key = vkey.strip().split("+", 2)
    key = base64.b64decode(key, validate=True)
    assert key[0] == 1
    assert hashlib.sha256(name.encode() + b"\n" + key).digest()[:4].hex() == key_id
    text, _, signatures = note.rpartition("\n\n")
    text += "\n"
    (line,) = signatures.splitlines()
    dash, signer, signature = line.split(" ")
    assert (dash, signer) == ("\u2014", name)
    signature = base64.b64decode(signature, validate=True)
    assert signature[:4].hex() == key_id
    assert is_signed(key[1:], text.encode(), signature[4:])
    origin, size, root = text.splitlines()
    assert origin == name
    return int(size), base64.b64decode(root, validate=True)


class Webhook:
    def __init__(self):
        notes = self.notes = []
        arrived = self.arrived = threading.Event()

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                notes.append(self.rfile.read(int(self.headers["content-length"])).decode())
                self.send_response(204)
                self.end_headers()
                arrived.set()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/heads"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


class Log:
    """A served log of a few hundred events, and what an outsider can ask of it."""

    def __init__(self, folder, sandbox, webhook):
        self.gateway = daybook.Gateway(
            folder, [daybook.group("default")], [daybook.account("main", ["default"], sandbox)],
            top={
                "admin_token_sha256": hashlib.sha256(TOKEN.encode()).hexdigest(),
                "publish": {
                    "file": str(folder / "head"), "webhook": webhook.url, "every_seconds": 1}})
        self.vkey = self.get("vkey").decode()
        self.grow(0, 700)

    def get(self, path, **headers):
        request = urllib.request.Request(f"{self.gateway.url}/ledger/{path}", headers=headers)
        with urllib.request.urlopen(request, timeout=daybook.SECONDS) as answer:
            return answer.read()

    def grow(self, first, end):
        connection = http.client.HTTPConnection(self.gateway.url.removeprefix("http://"))
        for number in range(first, end):
            connection.request(
                "POST", "/admin/user/add", json.dumps({"name": f"user{number}"}),
                {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"})
            answer = connection.getresponse()
            assert answer.status == 200, answer.read()
            answer.read()
        connection.close()

    def last(self):
        return json.loads(self.gateway.command("status", "--json"))["last_sequence"]

    def head(self):
        """The head that covers everything there is; at most a second behind, by the contract."""
        last, patience = self.last(), time.monotonic() + daybook.SECONDS
        while True:
            size, root = checked(self.get("checkpoint").decode(), self.vkey)
            if size >= last:
                return size, root
            assert time.monotonic() < patience, f"{size} of {last} events are signed"
            time.sleep(0.05)

    def entries(self, size):
        records = []
        for index in range(0, size, 256):
            width = min(256, size - index)
            tile = f"tile/entries/{index // 256:03}" + (f".p/{width}" if width < 256 else "")
            bundle = self.get(tile, Authorization=f"Bearer {TOKEN}")
            while bundle:
                length = int.from_bytes(bundle[:2], "big")
                records.append(bundle[2:2 + length])
                bundle = bundle[2 + length:]
        assert len(records) == size
        return records

    def hashes(self, level, size):
        """All hashes of a level of tiles, in a tree of `size` leaves."""
        count, found = size >> 8 * level, b""
        for index in range(0, count, 256):
            width = min(256, count - index)
            found += self.get(
                f"tile/{level}/{index // 256:03}" + (f".p/{width}" if width < 256 else ""))
        assert len(found) == 32 * count
        return [found[start:start + 32] for start in range(0, len(found), 32)]


@pytest.fixture(scope="module")
def log(tmp_path_factory, sandbox):
    webhook = Webhook()
    log = Log(tmp_path_factory.mktemp("tlog"), sandbox, webhook)
    log.webhook = webhook
    yield log
    assert log.gateway.stop() == 0, log.gateway.story()
    webhook.stop()


def tree_of(records):
    tree = pymerkle.InmemoryTree(algorithm="sha256")
    for record in records:
        tree.append_entry(record)
    return tree


def test_pymerkle_comes_to_the_same_root(log):
    size, root = log.head()
    assert tree_of(log.entries(size)).get_root() == root


def test_the_served_hashes_are_those_of_the_records(log):
    size, root = log.head()
    records = log.entries(size)
    leaves = [hashlib.sha256(b"\0" + record).digest() for record in records]
    assert log.hashes(0, size) == leaves
    above = log.hashes(1, size)
    assert above == [
        tree_of(records[start:start + 256]).get_root() for start in range(0, size - 255, 256)]


def test_proofs_agree_with_pymerkle(log):
    """Proofs made from nothing but the served tiles are pymerkle's, hash by hash."""
    size, root = log.head()
    leaves = log.hashes(0, size)

    def join(start, end):
        if end - start == 1:
            return leaves[start]
        half = 1 << (end - start - 1).bit_length() - 1
        return hashlib.sha256(
            b"\1" + join(start, start + half) + join(start + half, end)).digest()

    def path(index, start, end):
        if end - start == 1:
            return []
        half = start + (1 << (end - start - 1).bit_length() - 1)
        if index < half:
            return path(index, start, half) + [join(half, end)]
        return path(index, half, end) + [join(start, half)]

    assert join(0, size) == root
    tree = tree_of(log.entries(size))
    for index in [0, 1, 255, 256, size // 2, size - 1]:
        proof = tree.prove_inclusion(index + 1, size)
        # Each comes in its own order: the leaf stands among the siblings in pymerkle's.
        assert sorted(proof.path) == sorted([leaves[index], *path(index, 0, size)])
        pymerkle.verify_inclusion(leaves[index], root, proof)
    for old in [1, 255, 256, 257, size - 1]:
        pymerkle.verify_consistency(join(0, old), root, tree.prove_consistency(old, size))


def test_a_log_that_grew_extends_the_head_before(log):
    size, root = log.head()
    log.grow(700, 760)
    new_size, new_root = log.head()
    assert new_size >= size + 60
    tree = tree_of(log.entries(new_size))
    assert tree.get_root() == new_root
    pymerkle.verify_consistency(root, new_root, tree.prove_consistency(size, new_size))


def test_heads_reach_the_webhook_and_the_file(log):
    size, _ = log.head()
    patience = time.monotonic() + daybook.SECONDS
    while not any(checked(note, log.vkey)[0] >= size for note in list(log.webhook.notes)):
        assert time.monotonic() < patience, log.gateway.story()
        log.webhook.arrived.wait(1)
        log.webhook.arrived.clear()
    while True:
        file = log.gateway.folder / "head"
        if file.exists() and checked(file.read_text(), log.vkey)[0] >= size:
            break
        assert time.monotonic() < patience
        time.sleep(0.05)


def test_records_are_not_for_everyone(log):
    with pytest.raises(urllib.error.HTTPError) as refused:
        log.get("tile/entries/000")
    assert refused.value.code == 401


def test_every_head_ever_signed_stands_in_the_log_of_heads(log):
    log.head()
    lines = (log.gateway.data / "checkpoints.log").read_text().splitlines()
    sizes = [checked(json.loads(line)["note"], log.vkey)[0] for line in lines]
    assert sizes == sorted(set(sizes)) and sizes == [json.loads(line)["size"] for line in lines]
    assert (log.gateway.data / "signing.key").stat().st_mode & 0o777 == 0o600
