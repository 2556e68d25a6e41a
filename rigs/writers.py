"""Customers who reply one after another and remember what they were told, and what the database must then
hold: shared by the rigs that trouble the database and those that copy it."""

import collections
import sqlite3
import threading
import time
import uuid

import rig

# For a customer who was refused, before they press the button again.
PAUSE = 0.05

Answer = collections.namedtuple("Answer", "status begun ended retry_after kind")


class Writer:
    """A customer with a connection of their own. Each reply says who wrote it and the how manieth it is, and
    is sent with the same key until it is acknowledged, as the portal does."""

    def __init__(self, doorkey, number, customer):
        self.number, self.customer = number, customer
        self.client = doorkey.client(customer.token)
        self.path = f"/api/v1/portal/tickets/{customer.reference}/replies"
        self.keys = []
        self.entries = []  # what came of the replies that were acknowledged, in order: the entries' ids
        self.acknowledged_at = []
        self.answers = []

    def body(self, number):
        return f"rig {self.number} {number}"

    def write_next(self):
        """Sends the first reply that is not acknowledged yet, once."""
        if len(self.keys) == len(self.entries):
            self.keys.append(str(uuid.uuid4()))
        status, entry = self.send(len(self.entries))
        if status == 201:
            self.acknowledged_at.append(time.monotonic())
            self.entries.append(entry["id"])
        return status

    def send(self, number):
        """The status, 0 for a connection that was lost, and what came of it."""
        begun = time.monotonic()
        try:
            status, headers, content = self.client.ask(
                "POST", self.path, {"body": self.body(number)}, {"Idempotency-Key": self.keys[number]})
        except rig.Unanswered:
            status, headers, content = 0, {}, None
        self.answers.append(Answer(status, begun, time.monotonic(), headers.get("Retry-After"),
                                   headers.get("Content-Type") or ""))
        return status, content


class Writers:
    """All of them at work, each in a thread, until they are stopped."""

    def __init__(self, doorkey, people):
        self.all = [Writer(doorkey, number, customer) for number, customer in enumerate(people)]
        self.threads = []
        self.over = threading.Event()

    def start(self):
        self.over.clear()
        self.threads = [threading.Thread(target=self.work, args=[writer], daemon=True)
                        for writer in self.all]
        for thread in self.threads:
            thread.start()
        return self

    def work(self, writer):
        while not self.over.is_set():
            if writer.write_next() != 201:
                time.sleep(PAUSE)

    def stop(self):
        """Lets each get its last answer."""
        self.over.set()
        for thread in self.threads:
            thread.join()

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    def count(self):
        """How many replies were acknowledged."""
        return sum(len(writer.entries) for writer in self.all)

    def acknowledged(self):
        """By writer: how many so far."""
        return {writer.number: len(writer.entries) for writer in self.all}

    def answers(self, since=0.0, until=float("inf")):
        """Of the requests that were made and answered in that time."""
        return [answer for writer in self.all for answer in list(writer.answers)
                if since <= answer.begun and answer.ended <= until]

    def wait_for_more(self, replies, patience=rig.PATIENCE):
        """Until each has so many more acknowledged."""
        before = self.acknowledged()
        rig.until(f"{replies} more replies of each customer",
                  lambda: all(len(writer.entries) >= before[writer.number] + replies for writer in self.all),
                  patience)

    def wait_for_refusals(self, refusals):
        """Until each was refused so many times more."""
        def refused(writer):
            return sum(answer.status != 201 for answer in list(writer.answers))
        before = [refused(writer) for writer in self.all]
        rig.until(f"{refusals} refusals of each customer",
                  lambda: all(refused(writer) >= was + refusals for writer, was in zip(self.all, before)))


def told(answers):
    """`201: 310, 503: 42`, for a row of the table."""
    counts = collections.Counter(answer.status or "no answer" for answer in answers)
    return ", ".join(f"{status}: {count}" for status, count in sorted(counts.items(), key=str)) or "none"


def are_decent(answers):
    """Whether each was either a success or a refusal that says when to try again."""
    return all(answer.status == 201 or is_refusal(answer) for answer in answers)


def is_refusal(answer):
    return (answer.status in (503, 507) and answer.kind.startswith("application/problem+json")
            and (answer.retry_after or "").isdigit())


def slowest(answers):
    return max((answer.ended - answer.begun for answer in answers), default=0.0)


def rows_of_sqlite(file):
    """A way to ask a database that nobody serves any more, or a copy."""
    def ask(sql):
        connection = sqlite3.connect(f"file:{file}?mode=ro", uri=True)
        try:
            return connection.execute(sql).fetchall()
        finally:
            connection.close()
    return ask


def rows_of_postgres(url):
    return lambda sql: rig.sql(url, sql)


def stored(ask):
    """By writer: the numbers of their replies in the order of the timeline."""
    found = collections.defaultdict(list)
    for row in ask(f"SELECT body FROM entries e WHERE {OURS} ORDER BY ticket_id, id"):
        _, writer, number = row[0].split()
        found[int(writer)].append(int(number))
    return found


def compare(acknowledged, found):
    """Acknowledged replies that are not there, replies that are there twice, and holes before others."""
    lost = doubled = holes = 0
    for writer, count in acknowledged.items():
        numbers = found.get(writer, [])
        lost += len(set(range(count)) - set(numbers))
        doubled += len(numbers) - len(set(numbers))
        holes += len(set(range(max(numbers, default=-1) + 1)) - set(numbers))
    return lost, doubled, holes


# What these customers wrote; a database may have been filled with others before.
OURS = "e.kind = 'reply' AND e.body LIKE 'rig %'"
# A reply, the event that tells programs of it, the key it came with and the mail to the staff's inbox are
# written together.
REPLIES = f"SELECT ticket_id, id FROM entries e WHERE {OURS}"
EVENTS = """SELECT ticket_id, entry_id FROM event_inbox WHERE kind = 'ticket.replied'
  UNION ALL SELECT ticket_id, entry_id FROM events WHERE kind = 'ticket.replied'"""
KEYS = "SELECT ticket_id, entry_id FROM idempotency WHERE entry_id IS NOT NULL"
MAILS = "SELECT count(*) FROM outbox WHERE kind = 'customer_replied'"


def halves(ask):
    """How many events, keys and mails to staff are missing or too many beside the replies."""
    replies, events, keys = (collections.Counter(map(tuple, ask(sql))) for sql in (REPLIES, EVENTS, KEYS))
    apart = sum(((replies - other) + (other - replies)).total() for other in (events, keys))
    return apart + abs(replies.total() - int(ask(MAILS)[0][0]))
