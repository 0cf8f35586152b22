"""docs/read-model.md against a real ledger: its queries give what it shows, their figures are those
of the events and of `daybook balance`, and its table names every column there is."""

import fnmatch
import json
import re
import shutil
import sqlite3
import time
from collections import Counter, defaultdict
from contextlib import closing
from decimal import Decimal

import pytest

import daybook

PAGE = (daybook.ROOT / "docs" / "read-model.md").read_text()
REQUESTS = 4000


class History:
    """A generated ledger with one model's price corrected afterwards."""

    def __init__(self, folder):
        self.data = folder / "data"
        prices = daybook.exact(
            (daybook.ROOT / "fixtures" / "prices" / "builtin.json").read_text())
        opus = {
            name: float(price) if isinstance(price, Decimal) else price
            for name, price in prices["claude-opus-5-5"].items()
            if name not in ("search_context_cost_per_query", "provider_specific_entry")}
        opus["input_cost_per_token"] = 7e-06
        (folder / "opus.json").write_text(json.dumps({"claude-opus-5-5": opus}))
        daybook.command(self.data, "generate", "--requests", REQUESTS, "--seed", 7)
        daybook.command(
            self.data, "reprice", "--book", folder / "opus.json", "--apply", "--reason", "a test")
        self.events = [
            daybook.exact(line) for line in
            daybook.command(self.data, "cat", "--type", "forward_settled").splitlines()]

    def rows(self, sql):
        return rows(self.data, sql)

    def job(self):
        job, = daybook.exact(daybook.command(self.data, "reprice", "--list", "--json"))
        return job


def rows(data, sql):
    """What a query gives, read as the page says."""
    with closing(sqlite3.connect(f"file:{data}/projections.sqlite?mode=ro", uri=True)) as database:
        database.row_factory = sqlite3.Row
        return [dict(row) for row in database.execute(sql)]


def queries():
    """The page's queries by their headings, and the columns that their results show."""
    found = re.findall(
        r"(?:### (\d .*?)\n.*?|How far it is:\n)```sql\n(.*?)```\n```\n(.*?)```", PAGE, re.DOTALL)
    return {
        heading or "How far it is":
        (sql, [name.strip() for name in result.splitlines()[1].strip("│").split("│")])
        for heading, sql, result in found}


QUERIES = queries()


def whole(heading):
    """A query without its LIMIT."""
    sql, _ = QUERIES[heading]
    return re.sub(r"\nLIMIT \d+", "", sql)


@pytest.fixture(scope="module")
def history(tmp_path_factory):
    return History(tmp_path_factory.mktemp("history"))


def total(figures):
    return sum((Decimal(figure) for figure in figures), Decimal(0))


def test_the_page_has_five_queries_and_one_for_the_position():
    assert len(QUERIES) == PAGE.count("```sql\n") == 6


@pytest.mark.parametrize("heading", QUERIES)
def test_a_query_gives_rows_of_the_columns_it_shows(history, heading):
    sql, columns = QUERIES[heading]
    found = history.rows(sql)
    assert found
    assert list(found[0]) == columns


def test_the_position_is_the_last_event_of_the_log(history):
    row, = history.rows(whole("How far it is"))
    last = daybook.exact(daybook.command(history.data, "cat").splitlines()[-1])
    assert row["sequence"] == last["sequence"]
    assert row["last_event_utc"].replace(" ", "T") == last["time"][:19]


def test_what_users_spent_is_what_their_balances_and_the_events_say(history):
    by_user, everything = defaultdict(Decimal), Decimal(0)
    for row in history.rows(whole("1 What each user spent in a month")):
        by_user[row["user"]] += Decimal(row["from_balance_usd"])
        everything += Decimal(row["from_balance_usd"]) + Decimal(row["from_subscriptions_usd"])
    top = sorted(by_user, key=by_user.get, reverse=True)[:8]
    assert by_user[top[7]] > 0
    for user in top:
        balance = daybook.exact(daybook.command(history.data, "balance", user, "--json"))
        spent = Decimal(balance["charged_usd"]) + Decimal(balance["corrected_usd"])
        assert by_user[user] == spent, user
    stored = history.rows("SELECT name, charged_nano_usd + corrected_nano_usd AS nano "
                          "FROM balances JOIN users USING (user)")
    assert {row["name"]: Decimal(row["nano"]) / 10**9 for row in stored if row["nano"]} == {
        user: spent for user, spent in by_user.items() if spent}
    charged = total(event["charged_usd"] for event in history.events)
    assert everything == charged + total([history.job()["difference_usd"]])


def test_the_models_requests_and_list_prices_are_those_of_the_events(history):
    counts, listed = Counter(), defaultdict(Decimal)
    for event in history.events:
        counts[event["priced_model"]] += 1
        listed[event["priced_model"]] += Decimal(event["list_usd"])
    found = history.rows(whole("2 Which models cost most"))
    assert {row["model"]: row["requests"] for row in found} == counts
    for row in found:
        # The corrected model has another list price now, the others have what was booked.
        same = Decimal(row["list_usd"]) == listed[row["model"]]
        assert same == (row["model"] != "claude-opus-5-5"), row
    assert abs(sum(float(row["share"].rstrip(" %")) for row in found) - 100) < 0.3


def test_cache_shares_are_those_of_each_keys_events(history):
    read, everything = Counter(), Counter()
    for event in history.events:
        name = event["key"]
        written = event["cache_write_5m_tokens"] + event["cache_write_1h_tokens"]
        read[name] += event["cache_read_tokens"]
        everything[name] += event["input_tokens"] + event["cache_read_tokens"] + written
    found = history.rows(whole("3 How much each key's input comes from the cache"))
    assert {row["key"]: row["all_input_tokens"] for row in found} == everything
    for row in found:
        share = 100 * read[row["key"]] / everything[row["key"]]
        assert abs(float(row["read"].rstrip(" %")) - share) <= 0.051, row


def test_the_poorest_come_first_with_what_their_balance_is(history):
    found = history.rows(whole("4 Whose money runs out"))
    balances = [Decimal(row["balance_usd"]) for row in found]
    assert balances == sorted(balances)
    for row in found[:3]:
        balance = daybook.exact(daybook.command(history.data, "balance", row["user"], "--json"))
        assert Decimal(row["balance_usd"]) == Decimal(balance["balance_usd"])
        left = Decimal(balance["available_usd"]) / Decimal(row["newest_day_usd"])
        assert abs(Decimal(str(row["days_left"])) - left) <= Decimal("0.0501")


def test_corrected_cells_add_up_to_the_job_and_are_gone_when_it_is_taken_back(history, tmp_path):
    sql = whole("5 What corrections changed")
    found = history.rows(sql)
    assert total(row["corrected_usd"] for row in found) == Decimal(
        history.job()["difference_usd"]) > 0
    for row in found:
        assert row["model"] == "claude-opus-5-5"
        assert Decimal(row["net_usd"]) == Decimal(row["booked_usd"]) + Decimal(
            row["corrected_usd"])
    shutil.copytree(history.data, tmp_path / "copy")
    daybook.command(tmp_path / "copy", "reprice", "--revert", history.job()["job"])
    assert rows(tmp_path / "copy", sql) == []


def test_the_page_names_every_table_and_column_and_no_other(history):
    written = {}
    section = PAGE.split("\n## Tables\n")[1].split("\n## ")[0]
    for line in section.splitlines():
        if not line.startswith("| `"):
            continue
        names, _, columns, _ = [cell.strip() for cell in line.strip("|").split("|")]
        names = re.findall(r"`(\w+)`", names)
        patterns = re.findall(r"`([\w*]+)`", columns)
        for name in names:
            # `models`, `user_agents` share a line: each has its own number's column.
            own = [one for one in patterns if one + "s" == name or one + "s" not in names]
            written[name] = own
    real = {row["name"]: [column["name"] for column in history.rows(
        f"SELECT name FROM pragma_table_info('{row['name']}')")]
        for row in history.rows("SELECT name FROM sqlite_schema WHERE type = 'table'")}
    assert set(written) == set(real)
    for table, columns in real.items():
        unnamed = [one for one in columns
                   if not any(fnmatch.fnmatchcase(one, each) for each in written[table])]
        assert not unnamed, (table, unnamed)
        unreal = [each for each in written[table] if not fnmatch.filter(columns, each)]
        assert not unreal, (table, unreal)


def test_a_reader_sees_a_charge_while_the_server_runs_and_cannot_write(gateway, caller):
    one = caller()
    one.client.messages.create(
        model="claude-opus-5-5", max_tokens=50, messages=[{"role": "user", "content": "Hello"}])
    spent = gateway.usage(one.key)["usage"]["total"]["actual_cost"]
    sequence = gateway.events("forward_settled")[-1]["sequence"]
    patience = time.monotonic() + daybook.SECONDS
    # A new ledger's tables are empty until its first second is over.
    while not rows(gateway.data, f"SELECT 1 FROM checkpoint WHERE sequence >= {sequence}"):
        assert time.monotonic() < patience
        time.sleep(0.05)
    spending = {row["user"]: row for row in rows(
        gateway.data, whole("1 What each user spent in a month"))}
    assert Decimal(spending[one.user]["from_balance_usd"]) == Decimal(spent) > 0
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        rows(gateway.data, "UPDATE balances SET credited_nano_usd = 0")
