"""Customers who reply all the time and note what was acknowledged, and what must then be found in the
database: each acknowledged reply, once, with all of its parts."""

import itertools
import json
import sqlite3
import threading
import time

from rig import Client, Unanswered, sql

# Mail leads nowhere, so that each notice stays in the outbox with what it says; one address gets them all.
MAIL = {"DOORKEY_SMTP_URL": "smtp://127.0.0.1:9", "DOORKEY_MAIL_FROM": "doorkey@rig.example",
        "DOORKEY_MAIL_STAFF_INBOX": "desk@rig.example"}
# After a reply that was not taken.
PAUSE = 0.005


def address(customer):
    return f"/api/v1/portal/tickets/{customer.reference}/replies"


class Repliers:
    """Threads that reply as customers, each on tickets of its own, until they are left. A reply is one word
    that nobody else writes, and its key is the same word."""

    def __init__(self, port, customers, threads=8, name="w"):
        self.port, self.name = port, name
        self.acknowledged = {}  # word: the ticket's reference and the id of the entry
        self.sent = 0
        self.refusals = {}      # status: how often
        self.last = time.monotonic()
        self.lock = threading.Lock()
        self.ended = threading.Event()
        shares = [customers[first::threads] for first in range(threads)]
        self.threads = [threading.Thread(target=self.reply, args=(number, share), daemon=True)
                        for number, share in enumerate(shares)]

    def reply(self, number, customers):
        client = Client(self.port)
        turn = 0
        while not self.ended.is_set():
            customer = customers[turn % len(customers)]
            word = f"{self.name}{number}x{turn}"
            turn += 1
            client.token = customer.token
            try:
                status, _, entry = client.ask("POST", address(customer), {"body": f"Reply {word}"},
                                              {"Idempotency-Key": word})
            except Unanswered:
                status, entry = 0, None
            self.note(customer, word, status, entry)
            if status != 201:
                time.sleep(PAUSE)
        client.close()

    def note(self, customer, word, status, entry):
        with self.lock:
            self.sent += 1
            if status == 201:
                self.acknowledged[word] = customer.reference, int(entry["id"])
                self.last = time.monotonic()
            elif status:
                self.refusals[status] = self.refusals.get(status, 0) + 1

    def since(self, place):
        """Tickets and entries of what was acknowledged after the first `place`."""
        with self.lock:
            return list(itertools.islice(self.acknowledged.values(), place, None))

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        for thread in self.threads:
            thread.join()


class Sqlite:
    """Statements on a SQLite file, or on one that a server has open."""

    def __init__(self, file, alive=False):
        self.connection = sqlite3.connect(f"file:{file}{'?mode=ro' if alive else ''}", uri=True)

    def rows(self, text):
        return self.connection.execute(text).fetchall()

    def faults(self):
        """What SQLite itself finds wrong: pages, references, the full-text index against its table."""
        found = [line for line, in self.rows("PRAGMA integrity_check") if line != "ok"]
        found += [f"foreign key: {row}" for row in self.rows("PRAGMA foreign_key_check")]
        try:
            self.rows("INSERT INTO ticket_search (ticket_search, rank) VALUES ('integrity-check', 1)")
        except sqlite3.DatabaseError as error:
            found.append(f"full-text index: {error}")
        return found

    def close(self):
        self.connection.close()


class Postgres:
    """Statements on a PostgreSQL database."""

    def __init__(self, url):
        self.url = url

    def rows(self, text):
        return [[int(cell) if cell.lstrip("-").isdigit() else cell for cell in row]
                for row in sql(self.url, text)]

    def faults(self):
        """What PostgreSQL itself finds wrong: each row against each index, and the heap."""
        sql(self.url, "CREATE EXTENSION IF NOT EXISTS amcheck")
        sql(self.url, "SELECT bt_index_check(c.oid, true) FROM pg_class c JOIN pg_am a ON a.oid = c.relam "
                      "WHERE a.amname = 'btree' AND c.relnamespace = 'public'::regnamespace")
        return sql(self.url, "SELECT c.relname, v.msg FROM pg_class c, verify_heapam(c.oid) v "
                             "WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace")

    def close(self):
        """There is no connection to close."""


def missing(database, entries):
    """How many of these entries are not there: quickly, without looking at the rest."""
    if not entries:
        return 0
    tickets = dict(database.rows("SELECT reference, id FROM tickets"))
    values = ", ".join(f"({tickets[reference]}, {entry})" for reference, entry in entries)
    [[found]] = database.rows(f"SELECT count(*) FROM entries WHERE (ticket_id, id) IN (VALUES {values})")
    return len(entries) - found


class Stored:
    """The replies in a database, and what is wrong with them."""

    def __init__(self, database):
        self.database = database
        self.replies = {(ticket, entry): body.removeprefix("Reply ") for ticket, entry, body in database.rows(
            "SELECT ticket_id, id, body FROM entries WHERE kind = 'reply'")}

    def __len__(self):
        return len(self.replies)

    def lost(self, acknowledged):
        """Words that were acknowledged with an entry of this id, and are not there."""
        here = {word: entry for (_, entry), word in self.replies.items()}
        return sorted(word for word, (_, entry) in acknowledged.items() if here.get(word) != entry)

    def twice(self):
        return len(self.replies) - len(set(self.replies.values()))

    def faults(self):
        """Parts of replies without the others, and what the engine finds wrong."""
        return self.database.faults() + [
            *self.unlike("search text", self.pairs("search_texts", "entry_id", "text LIKE 'reply %'")),
            *self.unlike("event", self.pairs("events", "entry_id", "kind = 'ticket.replied'")
                         + self.pairs("event_inbox", "entry_id", "kind = 'ticket.replied'")),
            *self.unlike("key", self.pairs("idempotency", "entry_id", "entry_id IS NOT NULL")),
            *self.unlike_notices(), *self.unlike_tickets()]

    def pairs(self, table, column, condition):
        return [(ticket, entry) for ticket, entry in self.database.rows(
            f"SELECT ticket_id, {column} FROM {table} WHERE {condition}")]

    def unlike(self, part, found):
        """Each reply has one of this part, and no part is without its reply."""
        faults = []
        if len(set(found)) != len(found):
            faults.append(f"{len(found) - len(set(found))} times a second {part}")
        faults += [f"no {part}: {key}" for key in self.replies.keys() - set(found)]
        faults += [f"{part} without a reply: {key}" for key in set(found) - self.replies.keys()]
        return faults

    def unlike_notices(self):
        told = sorted((ticket, json.loads(content)["reply"].removeprefix("Reply "))
                      for ticket, content in self.notices())
        written = sorted((ticket, word) for (ticket, _), word in self.replies.items())
        return [] if told == written else [f"{len(written)} replies and {len(told)} notices do not fit"]

    def notices(self):
        return self.database.rows("SELECT ticket_id, content FROM outbox WHERE kind = 'customer_replied'")

    def unlike_tickets(self):
        """The counters of each ticket, the words it is found by, and the key of each reply."""
        words = {}
        for (ticket, _), word in self.replies.items():
            words.setdefault(ticket, set()).add(word)
        faults = []
        for ticket, notes, last, newest, updated, latest, found in self.database.rows(
                "SELECT t.id, t.note_count, t.last_entry, e.newest, t.updated_at, e.latest, w.words "
                "FROM tickets t JOIN ticket_words w ON w.ticket_id = t.id "
                "JOIN (SELECT ticket_id, max(id) AS newest, max(at) AS latest FROM entries "
                "GROUP BY ticket_id) e ON e.ticket_id = t.id"):
            own = words.get(ticket, set())
            if notes != len(own) or last != newest or updated < latest or not own <= set(found.split()):
                faults.append(f"ticket {ticket} does not fit its timeline")
        keys = {entry: key for entry, key in self.database.rows(
            "SELECT entry_id, key FROM idempotency WHERE entry_id IS NOT NULL")}
        faults += [f"reply {word} has the key {keys.get(entry)}"
                   for (_, entry), word in self.replies.items() if keys.get(entry) != word]
        return faults
