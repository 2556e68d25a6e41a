"""Mails arrive: at least once, in the right order of haste, and leave nothing usable behind.

Drives the release binary against mail servers that fail in every way that rigs/smtp.py knows, and kills
Doorkey meanwhile. Needs openssl; `two-processes` needs PostgreSQL's programs, `real-server` needs
python3-aiosmtpd. Nobody can wait two days for a schedule: where the rig moves time forward, it does so by
writing the queue's due times, and says so in its verdict.
"""

import contextlib
import email
import email.policy
import json
import pathlib
import random
import re
import shutil
import sqlite3
import subprocess
import tempfile
import threading
import time

import rig
import smtp

FROM = "RFS <support@rfs.example>"
ADMIN = "admin@rfs.example"
# What hands mails over in one process: three for all mails, one for sign-in mails alone.
WORKERS = 4
PYTHON = "/usr/bin/python3"  # the one that Debian's packages are for
CLIENTS = 6  # who queues mails at the same time


# What the tests share.

@contextlib.contextmanager
def folder():
    path = pathlib.Path(tempfile.mkdtemp(prefix="doorkey-rig-mail."))
    try:
        yield path
    finally:
        shutil.rmtree(path)


def doorkey_with(server, path, way=0, **more):
    settings = {"DOORKEY_SMTP_URL": server.url(way), "DOORKEY_MAIL_FROM": FROM, "DOORKEY_LOG": "warn"}
    return rig.Doorkey(path, settings=settings, **more)


def rows(doorkey, statement):
    """Of either engine, as strings."""
    if doorkey.database_url.startswith("postgres"):
        return rig.sql(doorkey.database_url, statement)
    with contextlib.closing(sqlite3.connect(doorkey.database, timeout=rig.PATIENCE)) as database:
        found = [["" if cell is None else str(cell) for cell in row] for row in database.execute(statement)]
        database.commit()
        return found


def count(doorkey, condition):
    return int(rows(doorkey, f"SELECT count(*) FROM outbox WHERE {condition}")[0][0])


def now():
    """As the database counts time."""
    return int(time.time() * 1000)


def move_time(doorkey, condition="state = 'queued'"):
    """Makes mails due now. Leases are due times, too: all must be over, or none be meant."""
    rows(doorkey, f"UPDATE outbox SET due_at = {now()} WHERE due_at > {now()} AND {condition}")


def queue(doorkey, number, name="customer", notify=True):
    """Queues so many notices, each to a customer of its own; their addresses. Without `notify`, the
    customers alone."""
    key = doorkey.key(name=f"Queue {time.monotonic_ns()}")
    addresses = [f"{name}{it}@rig.example" for it in range(number)]
    failures = []

    def ask(mine):
        client = doorkey.client(key)
        try:
            for address in mine:
                client.expect(201, "POST", "/api/v1/tickets", {
                    "customer": {"email": address, "name": "Ana Costa"}, "subject": f"Siren of {address}",
                    "description": "It beeps once a minute.", "notify": notify})
        except (AssertionError, rig.Unanswered) as error:
            failures.append(str(error))
        client.close()

    together([lambda mine=addresses[it::CLIENTS]: ask(mine) for it in range(CLIENTS)])
    assert not failures, failures[0]
    return addresses


def together(works):
    threads = [threading.Thread(target=work) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def ask_for_link(doorkey, address):
    client = doorkey.client()
    client.expect(202, "POST", "/api/v1/portal/links", {"email": address})
    client.close()


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


class Judge:
    """Holds what a server noted against what the outbox says. Each address is to get one mail.

    A repeat is an attempt after one whose answer said that it was the last: taken, or refused. It is
    excused where Doorkey was killed in the life that heard the answer, which each worker may have done
    with one mail. Every other arrival of a mail beyond its first had its answer hidden."""

    def __init__(self, doorkey, servers, killed=()):
        self.faults, self.repeats, self.seen = [], {}, {}
        self.attempts = [attempt for server in servers for attempt in server.attempts]
        self.ids = {attempt.message_id for attempt in self.attempts if attempt.arrived}
        self.mails = {
            recipient: (f"{word}@rfs.example", state, int(claims)) for word, recipient, state, claims
            in rows(doorkey, "SELECT message_id, recipient, state, attempt FROM outbox")}
        of = {}
        for attempt in sorted(self.attempts, key=lambda it: it.begun):
            of.setdefault(attempt.recipient, []).append(attempt)
        for recipient, (message_id, state, _) in self.mails.items():
            self._look_at(recipient, message_id, state, of.get(recipient, []))
        self.unknown = [it for it in of if it not in self.mails]
        self.excess = {(way, life): number for (way, life), number in self.repeats.items()
                       if number > (WORKERS if (way, life) in killed else 0)}

    def _look_at(self, recipient, message_id, state, attempts):
        arrivals = [it for it in attempts if it.arrived]
        self.seen[recipient] = len(arrivals)
        if any(it.message_id != message_id for it in arrivals):
            self.faults.append(f"{recipient} has several Message-IDs")
        if state == "sent" and not any(it.answer == 250 or it.unclear for it in arrivals):
            self.faults.append(f"{recipient} never got the mail that counts as sent")
        if state == "failed" and not any((it.answer or 0) >= 500 for it in attempts):
            self.faults.append(f"{recipient} was given up without a refusal")
        if state not in ("sent", "failed"):
            self.faults.append(f"the mail to {recipient} is {state}")
        for earlier in attempts[:-1]:
            if earlier.is_final:
                life = (earlier.way, earlier.life)
                self.repeats[life] = self.repeats.get(life, 0) + 1

    @property
    def holds(self):
        known = self.ids <= {message_id for message_id, _, _ in self.mails.values()}
        return known and not self.faults and not self.unknown and not self.excess

    @property
    def duplicates(self):
        return sum(number - 1 for number in self.seen.values() if number > 1)

    def __str__(self):
        states = [state for _, state, _ in self.mails.values()]
        arrived = sum(number > 0 for number in self.seen.values())
        return (f"{len(self.attempts)} attempts; {states.count('sent')} sent, {states.count('failed')} "
                f"refused; {len(self.ids)} Message-IDs for {arrived} mails that arrived, and "
                f"{self.duplicates} repetitions; {sum(self.repeats.values())} attempts after a last answer, "
                f"{sum(self.excess.values())} of them not excused; faults: {self.faults[:3] or 'none'}")


# At least once.

def hostile(seed, is_short):
    """Everything: what is hidden is hidden often."""
    breaks = ["reset", "close", "half close", "garbage", "bare cr"]
    return smtp.Dice(seed, {
        "greeting": [(0.03, [*breaks, "421 4.3.2 Later", "silence", "554 5.3.2 Not you"])],
        "tls": [(0.02, ["nonsense"])],
        "sender": [(0.01, [*breaks, *smtp.PASSING, "silence"])],
        "recipient": [(0.02, [*breaks, *smtp.PASSING]), (0.01, smtp.FINAL)],
        "data": [(0.01, [*breaks, *smtp.PASSING])],
        "content": [(0.01, ["reset"])],
        "dot": [(0.04, [*breaks, "bare lf"]), (0.04, smtp.PASSING), (0.01, smtp.FINAL),
                (0.02, ["delay 0.2", "delay 0.5" if is_short else "delay 3"])],
    })


def open_faced(seed):
    """Every fault that leaves no doubt whether a mail was taken."""
    breaks = ["reset", "close", "half close", "garbage", "bare cr"]
    return smtp.Dice(seed, {
        "greeting": [(0.05, [*breaks, "421 4.3.2 Later"])],
        "sender": [(0.02, [*breaks, *smtp.PASSING])],
        "recipient": [(0.03, [*breaks, *smtp.PASSING]), (0.01, smtp.FINAL)],
        "data": [(0.02, [*breaks, *smtp.PASSING])],
        "content": [(0.02, ["reset"])],
        "dot": [(0.01, smtp.FINAL), (0.05, ["delay 0.1"])],
    })


def at_least_once(asked, verdicts):
    number = 300 if asked.short else 10_000
    if asked.engine == "postgres" or not asked.short:
        with rig.postgres() as postgres, folder() as path:
            while_killed(asked, verdicts, min(number, 1_000), path, rig.fresh(postgres))
    if asked.engine != "postgres":
        with folder() as path:
            while_killed(asked, verdicts, number, path)
        without_doubt(asked, verdicts, 200 if asked.short else 2_000)
        when_a_lease_is_broken(verdicts)


def while_killed(asked, verdicts, number, path, url=None):
    chance, life = random.Random(asked.seed), (0.1, 0.8) if asked.short else (0.5, 4)
    with smtp.Server(hostile(asked.seed, asked.short), path) as server, \
            doorkey_with(server, path / "data", database_url=url) as doorkey:
        fill_then_stop(doorkey, server, number)
        begun, killed = time.monotonic(), set()
        while count(doorkey, "state = 'queued'"):
            assert time.monotonic() - begun < 120 + number / 10, "the queue does not drain"
            move_time(doorkey)
            server.life += 1
            doorkey.start()
            time.sleep(chance.uniform(*life))
            doorkey.kill()
            killed.add((0, server.life))
        judge = Judge(doorkey, [server], killed)
        thrown = server.dice.thrown
        verdicts.tell(
            f"at least once, {'PostgreSQL' if url else 'SQLite'}",
            f"{number} mails over STARTTLS, {time.monotonic() - begun:.0f} s",
            f"{len(killed)} times SIGKILL, {life[0]}-{life[1]} s after it was ready; {sum(thrown.values())} "
            f"faults of the server: {told(thrown)}; time is moved forward after each kill",
            judge, judge.holds and len(judge.mails) == number and len(killed) > 1)


def told(thrown):
    """How many faults there were at each step."""
    steps = {}
    for word, number in thrown.items():
        step = word.split(":")[0]
        steps[step] = steps.get(step, 0) + number
    return ", ".join(f"{number} at the {step}" for step, number in sorted(steps.items()))


def fill_then_stop(doorkey, server, number):
    """Queues mails of which none is taken, and kills Doorkey."""
    server.hold("greeting")
    doorkey.start()
    queue(doorkey, number)
    doorkey.kill()
    server.release()


def without_doubt(asked, verdicts, number):
    with folder() as path, smtp.Server(open_faced(asked.seed)) as server:
        with doorkey_with(server, path / "data") as doorkey:
            fill_then_stop(doorkey, server, number)
            begun, lives = time.monotonic(), 0
            while count(doorkey, "state = 'queued'"):
                assert time.monotonic() - begun < 60 + number / 10, "the queue does not drain"
                move_time(doorkey)
                server.life += 1
                doorkey.start()
                rig.until("all that is due was tried", lambda: not count(
                    doorkey, f"state = 'queued' AND due_at <= {now()}"), patience=60 + number / 10)
                doorkey.stop()
                lives += 1
            judge = Judge(doorkey, [server])
            few = judge.duplicates < number / 1000
            verdicts.tell(
                "at least once, no answer hidden", f"{number} mails, {time.monotonic() - begun:.0f} s",
                f"{sum(server.dice.thrown.values())} faults of the server, none that hides an answer; "
                f"stopped {lives} times, never killed; time is moved forward between",
                judge, judge.holds and few and len(judge.mails) == number)


def when_a_lease_is_broken(verdicts):
    """The control: a mail whose lease is taken away while it is under way must be seen to come twice, and
    one that the server has no note of must be missed."""
    with folder() as path, smtp.Server() as server, doorkey_with(server, path / "data") as doorkey:
        server.hold("dot")
        doorkey.start()
        queue(doorkey, 1)
        rig.until("it is under way twice", lambda: move_time(doorkey) or len(server.arrived()) > 1)
        server.release()
        rig.until("it is sent", lambda: count(doorkey, "state = 'sent'"))
        doorkey.stop()
        twice = Judge(doorkey, [server])
        overlaps, server.attempts = len(server.overlaps), []
        lost = Judge(doorkey, [server])
        verdicts.tell("at least once, control", "a mail",
                      "its lease is taken away by hand while it is under way; then the server's notes are "
                      "lost",
                      f"seen, as they must be: {sum(twice.excess.values())} taken again, {overlaps} twice at "
                      f"a time, then {len(lost.faults)} missed",
                      not twice.holds and overlaps and lost.faults)


# A server that never answers.

def never_answers(asked, verdicts):
    number = 200 if asked.short else 2_000
    with folder() as path, smtp.Server() as good, smtp.Server() as bad, \
            doorkey_with(good, path / "good") as usual, doorkey_with(bad, path / "bad") as doorkey:
        bad.hold("greeting")
        doorkey.start()
        readers = rig.customers(doorkey, 20)
        ask_for_link(doorkey, *queue(doorkey, 1, "urgent", notify=False))
        queue(doorkey, number)
        if asked.short:
            times = read_pages(doorkey, readers, 3)
            verdicts.tell("a mail server that never answers",
                          f"{len(times)} requests by 2 customers at a time",
                          f"the server accepts and says nothing; {number} mails wait",
                          f"every page was answered; {bad.most_open} connections at most",
                          bad.most_open <= WORKERS)
        else:
            compare_pages(usual, doorkey, readers, bad, number, verdicts)
        begun = time.monotonic()
        bad.release()
        rig.until("the queue drains", lambda: not count(doorkey, "state = 'queued'"),
                  patience=120 + number / 10)
        judge = Judge(doorkey, [bad])
        most = [it.arrived for it in bad.arrived()]
        rate = len(most) * 0.99 / (percentile(most, 0.99) - begun)
        verdicts.tell("a mail server that answers again", f"{len(judge.mails)} mails that waited",
                      "none any more",
                      f"{rate:.0f} mails/s for the first 99 of 100; {bad.most_open} connections at most; "
                      f"{judge}",
                      judge.holds and bad.most_open <= WORKERS and (asked.short or rate >= 50))


def compare_pages(usual, doorkey, readers, bad, number, verdicts):
    """In turns, so that both meet the same machine."""
    usual.start()
    others = rig.customers(usual, 20)
    rig.until("the other has nothing to send", lambda: not count(usual, "state = 'queued'"))
    pairs, begun = [], time.monotonic()
    while time.monotonic() - begun < 80:
        pairs.append((read_pages(usual, others, 4), read_pages(doorkey, readers, 4)))
    slower = [percentile(stuck, 0.99) / percentile(free, 0.99) for free, stuck in pairs]
    faster = [len(stuck) / len(free) for free, stuck in pairs]
    tail, rate = percentile(slower, 0.5), percentile(faster, 0.5)
    failures = rows(doorkey, "SELECT sum(failures) FROM outbox")[0][0]
    verdicts.tell("a mail server that never answers",
                  f"{sum(len(a) + len(b) for a, b in pairs)} requests in {len(pairs)} pairs of 4 s, by 2 "
                  "customers",
                  f"the server accepts and says nothing for {time.monotonic() - begun:.0f} s; {number} mails "
                  f"wait, {failures} attempts were given up",
                  f"beside a Doorkey with nothing to send: 99th percentile times {tail:.2f}, requests times "
                  f"{rate:.2f} (medians of the pairs); {bad.most_open} connections at most",
                  tail <= 1.1 and rate >= 0.9 and bad.most_open <= WORKERS)


def read_pages(doorkey, readers, seconds):
    """Two customers at a time read the portal and reply; the seconds that each answer took."""
    times, failures = [], []

    def read(mine):
        client, until, turn = doorkey.client(), time.monotonic() + seconds, 0
        while time.monotonic() < until and not failures:
            reader = mine[turn % len(mine)]
            turn += 1
            client.token = reader.token
            ticket = f"/tickets/{reader.reference}"
            asks = [("GET", "/portal", None), ("GET", f"/portal{ticket}", None),
                    ("GET", f"/api/v1/portal{ticket}", None)]
            if turn % 5 == 0:
                asks.append(("POST", f"/api/v1/portal{ticket}/replies", {"body": "It still beeps."}))
            for method, path, body in asks:
                begun = time.monotonic()
                status = client.ask(method, path, body)[0]
                times.append(time.monotonic() - begun)
                if status not in (200, 201):
                    failures.append(f"{method} {path}: {status}")
        client.close()

    together([lambda: read(readers[0::2]), lambda: read(readers[1::2])])
    assert not failures, failures[0]
    return times


# Who waits at the door.

def sign_ins_first(asked, verdicts):
    number, asking = (2_000, 20) if asked.short else (50_000, 100)
    with folder() as path, smtp.Server(smtp.Same(dot="delay 0.05")) as server, \
            doorkey_with(server, path / "data") as doorkey:
        server.hold("dot")
        doorkey.start()
        notices = set(queue(doorkey, number))
        urgent = queue(doorkey, asking, "urgent", notify=False)
        past_busy_workers(doorkey, server, verdicts, notices, urgent[:WORKERS + 1])
        at_flow(doorkey, server, verdicts, notices, urgent[WORKERS + 1:], asked.short)


def past_busy_workers(doorkey, server, verdicts, notices, urgent):
    """The order alone, whatever time anything takes: every worker is held, sign-ins are queued, and what
    each worker takes next is held again."""
    rig.until("three notices are under way", lambda: len(server.arrived()) == WORKERS - 1)
    ask_for_link(doorkey, urgent[0])
    rig.until("a sign-in mail passes", lambda: len(server.arrived()) == WORKERS)
    first = server.arrived()[-1].recipient
    for address in urgent[1:]:
        ask_for_link(doorkey, address)
    rig.until("the others are queued",
              lambda: count(doorkey, "lane = 0 AND state = 'queued'") == len(urgent))
    seen = len(server.attempts)
    server.hold("recipient")
    server.release("dot")
    rig.until("each worker has taken another", lambda: len(server.attempts) == seen + WORKERS)
    between = sum(it.recipient in notices for it in server.attempts[seen:])
    server.release("recipient")
    verdicts.tell("sign-in mails first, the order", f"{len(notices)} notices wait",
                  "all workers for notices are held by the server; one asks for a link, and while that is "
                  "held, too, four more",
                  f"no notice was handed over before the first; then the {WORKERS} workers took {between} "
                  f"notices and {WORKERS - between} sign-in mails", first == urgent[0] and not between)


def at_flow(doorkey, server, verdicts, notices, urgent, is_short):
    took = []
    for address in urgent:
        begun = time.monotonic()
        ask_for_link(doorkey, address)
        mine = rig.until(f"a link for {address}",
                         lambda: [it for it in server.attempts if it.recipient == address and it.arrived])
        took.append(mine[0].arrived - begun)
    waiting = count(doorkey, "lane = 1 AND state = 'queued'")
    slowest = percentile(took, 0.99)
    verdicts.tell("sign-in mails first, the time", f"{len(urgent)} ask for a link one after the other",
                  f"{len(notices)} notices were queued before, {waiting} still wait after the last",
                  f"from the request to the final dot: median {percentile(took, 0.5):.2f} s, 99th percentile "
                  f"{slowest:.2f} s", waiting and (is_short or slowest < 5))


# The schedule.

NOTICE_WAITS = [5, 30, 120, 600, 3600, 3600, 3600]
SIGN_IN_WAITS = [5, 30, 120, 600]


def schedule(asked, verdicts):
    with folder() as path, smtp.Server(smtp.Same()) as server, doorkey_with(server, path / "data") as doorkey:
        doorkey.start()
        after_each_failure(doorkey, server, verdicts)
        passing_everywhere(doorkey, server, verdicts)
        final_everywhere(doorkey, server, verdicts)
        about_us(doorkey, server, verdicts)


def after_each_failure(doorkey, server, verdicts):
    server.dice.faults = {"dot": "451 4.3.0 Later"}
    [address] = queue(doorkey, 1, "schedule")
    notice = [gap(doorkey, server, address, 1, *it) for it in enumerate(NOTICE_WAITS, 1)]
    wait_for_failure(doorkey, 1, len(NOTICE_WAITS) + 1)
    ask_for_link(doorkey, address)
    sign_in = [gap(doorkey, server, address, 0, *it) for it in enumerate(SIGN_IN_WAITS, 1)]
    wait_for_failure(doorkey, 0, len(SIGN_IN_WAITS) + 1)
    [[last_call]] = rows(doorkey, "SELECT give_up_at - due_at FROM outbox WHERE lane = 0")
    times = dict(rows(doorkey, "SELECT lane, give_up_at - created_at FROM outbox"))
    rows(doorkey, f"UPDATE outbox SET due_at = {now()}, give_up_at = {now() + 9000}")
    rig.until("both are given up", lambda: count(doorkey, "state = 'failed'") == 2)
    verdicts.tell(
        "the schedule", "a notice and a sign-in mail", "the server says 451 to each; time is moved forward",
        f"tried again after {NOTICE_WAITS} s and {SIGN_IN_WAITS} s, and a last time "
        f"{int(last_call) / 1000:.0f} s before the end, which is after {int(times['1']) / 3.6e6:.0f} h and "
        f"{int(times['0']) / 3.6e6:.0f} h; then both are given up",
        all(notice) and all(sign_in) and last_call == "10000" and times == {"0": "3600000", "1": "172800000"})


def wait_for_failure(doorkey, lane, failure):
    rig.until(f"failure {failure}",
              lambda: count(doorkey, f"lane = {lane} AND state = 'queued' AND failures = {failure}"))


def gap(doorkey, server, address, lane, failure, wait):
    """Whether a mail is due so many seconds after this failure, which was noted after the server's answer
    and before it was seen here. Then makes it due."""
    wait_for_failure(doorkey, lane, failure)
    seen = now()
    answered = [it.arrived for it in server.arrived() if it.recipient == address][-1]
    answered = (time.time() - time.monotonic() + answered) * 1000
    [[due]] = rows(doorkey, f"SELECT due_at FROM outbox WHERE lane = {lane} AND state = 'queued'")
    move_time(doorkey, f"lane = {lane}")
    return answered - 1 <= int(due) - wait * 1000 <= seen


def passing_everywhere(doorkey, server, verdicts):
    cases = [("greeting", smtp.PASSING[0])]
    cases += [(step, answer) for step in ("sender", "recipient", "data", "dot") for answer in smtp.PASSING]
    server.dice.faults = dict(cases[:1])
    [address] = queue(doorkey, 1, "passing")
    for failure, case in enumerate(cases):
        server.dice.faults = dict([case])
        move_time(doorkey)
        wait_for_failure(doorkey, 1, failure + 1)
    server.dice.faults = {}
    move_time(doorkey)
    rig.until("it is sent", lambda: count(doorkey, f"recipient = '{address}' AND state = 'sent'"))
    ids = {it.message_id for it in server.arrived() if it.recipient == address}
    verdicts.tell("4xx answers", "a mail",
                  f"{len(cases)} in a row, of 3 codes at 5 steps; time is moved forward",
                  f"tried again after each, then sent, under {len(ids)} Message-ID", len(ids) == 1)


def final_everywhere(doorkey, server, verdicts):
    cases = [(step, answer) for step in ("recipient", "data", "dot")
             for answer in (*smtp.FINAL, "554 5.7.1 No")]
    refused = {}
    for place, (step, answer) in enumerate(cases):
        server.dice.faults = {step: answer}
        [address] = queue(doorkey, 1, f"final{place}.")
        rig.until("it is given up", lambda: count(doorkey, f"recipient = '{address}' AND state = 'failed'"))
        refused[address] = answer
    server.dice.faults = {}
    doorkey.stop()
    rows(doorkey, "UPDATE outbox SET due_at = 0")
    doorkey.start()
    queue(doorkey, 1, "after")
    rig.until("a later mail is sent", lambda: count(doorkey, "recipient LIKE 'after%' AND state = 'sent'"))
    again = [it for it in refused if sum(attempt.recipient == it for attempt in server.attempts) != 1]
    listed = {mail["to"]: mail["error"] for mail in doorkey.cli("outbox", "list")["items"]}
    told_why = [it for it, answer in refused.items() if answer[:3] in (listed.get(it) or "")]
    page = desk_page(doorkey, "/admin/outbox?state=failed")
    shown = [it for it in refused if it in page]
    verdicts.tell("5xx answers", f"{len(cases)} mails",
                  "3 codes at 3 steps, once each; then Doorkey is restarted and every mail's time is moved",
                  f"{len(again)} were tried again; {len(told_why)} are in "
                  f"`doorkey outbox list` with the code, {len(shown)} at the desk",
                  not again and len(told_why) == len(shown) == len(cases))


def desk_page(doorkey, path):
    """A page as an admin sees it."""
    link = add_admin(doorkey)
    client = doorkey.client()
    _, headers, _ = client.ask("POST", path_of(link), b"", form_of(doorkey))
    cookies = "; ".join(cookie.split(";")[0] for cookie in headers.get_all("Set-Cookie", []))
    page = client.expect(200, "GET", path, headers={"Cookie": cookies}).decode()
    client.close()
    return page


def add_admin(doorkey):
    """A link with which they sign in."""
    return doorkey.cli("staff", "add", "--email", ADMIN, "--name", "Dana", "--role", "admin")["url"]


def path_of(link):
    return "/" + link.split("/", 3)[3]


def form_of(doorkey):
    """What a browser says when it sends a form of the desk."""
    return {"Origin": doorkey.settings["DOORKEY_PUBLIC_URL"],
            "Content-Type": "application/x-www-form-urlencoded"}


def about_us(doorkey, server, verdicts):
    """A refusal that means us is no mail's fault."""
    server.dice.faults = {"sender": "550 5.7.1 Not you"}
    [address] = queue(doorkey, 1, "paused")
    client = doorkey.client()
    rig.until("the queue pauses", lambda: client.expect(200, "GET", "/readyz")["mail"] == "paused")
    client.close()
    mine = f"recipient = '{address}'"
    kept = count(doorkey, f"{mine} AND state = 'queued' AND failures = 0")
    doorkey.stop()
    server.dice.faults = {}
    move_time(doorkey)
    doorkey.start()
    rig.until("it is sent", lambda: count(doorkey, f"{mine} AND state = 'sent'"))
    verdicts.tell("5xx answers that mean the sender", "a mail", "550 to MAIL FROM; a restart ends the pause",
                  "the queue paused and the mail was kept, then sent", kept == 1)


# Two processes.

@contextlib.contextmanager
def a_pair(dice):
    """Two Doorkeys on one PostgreSQL, each with its own way into the same mail server."""
    with rig.postgres(durable=False) as postgres, folder() as path, smtp.Server(dice, ways=2) as server:
        url = rig.fresh(postgres)
        with doorkey_with(server, path / "one", database_url=url) as one, \
                doorkey_with(server, path / "two", way=1, database_url=url) as two:
            one.start()
            two.start()
            yield one, two, server


def two_processes(asked, verdicts):
    if asked.engine == "sqlite":
        return
    with a_pair(smtp.Same(dot="delay 0.02")) as (one, two, server):
        both_send(one, server, verdicts, 200 if asked.short else 2_000, "none is killed")
        one_is_killed(one, two, server, verdicts, 60 if asked.short else 500, asked.short)


def slow_answers(asked, verdicts):
    """The other process must not take what the first still waits for, however long."""
    if asked.engine == "sqlite" or asked.short:
        return
    with a_pair(smtp.Dice(asked.seed, {}, [("dot", "delay 75")] * 3)) as (one, _, server):
        both_send(one, server, verdicts, 200, "3 are answered after 75 s, longer than their lease was for")


def both_send(one, server, verdicts, number, faults):
    queue(one, number)
    rig.until("all are sent", lambda: count(one, "state = 'sent'") == number, patience=180 + number / 10)
    judge = Judge(one, [server])
    shares = [sum(it.way == way for it in server.attempts) for way in (0, 1)]
    once = {claims for _, _, claims in judge.mails.values()} == {1}
    verdicts.tell("two processes on PostgreSQL", f"{number} mails, {shares[0]} and {shares[1]} by each",
                  faults,
                  f"{len(server.overlaps)} mails were under way twice; {'each' if once else 'NOT each'} was "
                  f"claimed once; {judge}",
                  judge.holds and once and not server.overlaps and not judge.duplicates
                  and len(server.arrived()) == number and min(shares))


def one_is_killed(one, two, server, verdicts, number, is_short):
    """The other takes over what was under way, when the leases are over."""
    before = len(server.arrived())
    killer = threading.Thread(target=lambda: (
        rig.until("some are sent", lambda: len(server.arrived()) > before + number / 4), one.kill()))
    killer.start()
    queue(two, number, "later")
    killer.join()
    assert not one.process, "it was not killed"
    if is_short:
        rig.until("nothing else waits", lambda: not count(two, f"state = 'queued' AND due_at <= {now()}"))
        two.stop()
        left = count(two, "state = 'queued'")
        move_time(two)
        two.start()
    else:
        rig.until("nothing else waits", lambda: count(two, "state = 'queued'") <= WORKERS, patience=180)
        left = count(two, "state = 'queued'")
    begun = time.monotonic()
    rig.until("the rest is sent", lambda: not count(two, "state = 'queued'"), patience=180)
    judge = Judge(two, [server], {(0, 0)})
    how = "time is moved forward past its leases" if is_short else "its leases run out"
    verdicts.tell("two processes, one is killed", f"{number} mails", f"SIGKILL of one while both send; {how}",
                  f"{left} were left under way and sent by the other within "
                  f"{time.monotonic() - begun:.0f} s; {len(server.overlaps)} mails were under way twice; "
                  f"{judge}",
                  judge.holds and not server.overlaps and judge.duplicates <= left <= WORKERS)


# What is left behind.

LINK = re.compile(r"#token=([A-Za-z0-9_-]{20,})")
DESK_LINK = re.compile(r"/admin/sign-in/link/([A-Za-z0-9_-]{20,})")
CODE = re.compile(r"^\s*(\d{3}) ?(\d{3})\s*$", re.MULTILINE)


class Secrets:
    """What the mails that a server received would open doors with."""

    def __init__(self, attempts):
        self.links, self.desk_links, self.codes = set(), set(), set()
        for attempt in attempts:
            mail = email.message_from_bytes(attempt.content, policy=email.policy.default)
            text = mail.get_body(("plain",)).get_content()
            self.links.update(LINK.findall(text))
            self.desk_links.update(DESK_LINK.findall(text))
            self.codes.update("".join(halves) for halves in CODE.findall(text))
        self.tokens = self.links | self.desk_links

    def tokens_in(self, *files):
        found = set()
        for file in files:
            content = file.read_bytes() if file.exists() else b""
            found.update(token for token in self.tokens if token.encode() in content)
        return found

    def in_cells(self, database):
        """In any column of any table; codes as whole words, since numbers hold all numbers."""
        words, found = re.compile(r"(?<![0-9])[0-9]{6}(?![0-9])"), set()
        with contextlib.closing(sqlite3.connect(database, timeout=rig.PATIENCE)) as open_database:
            open_database.text_factory = lambda cell: cell.decode("utf-8", "replace")
            for (table,) in open_database.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND "
                                                  "sql NOT LIKE '%VIRTUAL%'").fetchall():
                for row in open_database.execute(f'SELECT * FROM "{table}"'):
                    cells = (cell.decode("latin-1") if isinstance(cell, bytes) else str(cell) for cell in row)
                    text = "\n".join(cells)
                    found.update(token for token in self.tokens if token in text)
                    found.update(self.codes.intersection(words.findall(text)))
        return found


def at_rest(asked, verdicts):
    number, asking = 30 if asked.short else 300, 10
    with folder() as path, smtp.Server(keep=True) as server, doorkey_with(server, path / "data") as doorkey:
        doorkey.start()
        add_admin(doorkey)
        addresses = queue(doorkey, number, "early")
        rig.until("these are sent", lambda: count(doorkey, "state = 'sent'") == number)
        server.hold("dot")
        addresses += queue(doorkey, number, "late")
        for address in addresses[:asking] + addresses[-asking:]:
            ask_for_link(doorkey, address)
        ask_for_desk(doorkey)
        expected = 2 * number + 2 * asking + 1
        rig.until("all are queued", lambda: count(doorkey, "id > 0") == expected)
        taken = server.arrived()
        backup = path / "backup.db"
        doorkey.command("backup", backup)
        waited = count(doorkey, "state = 'queued'")
        server.release()
        rig.until("all are sent", lambda: count(doorkey, "state = 'sent'") == expected)
        secrets = Secrets(server.arrived())
        tell_what_is_left(doorkey, verdicts, secrets, expected)
        tell_of_backup(path, verdicts, backup, secrets, Secrets(server.arrived()[len(taken):]), waited)


def ask_for_desk(doorkey):
    client = doorkey.client()
    status = client.ask("POST", "/admin/sign-in", f"email={ADMIN}".encode(), form_of(doorkey))[0]
    assert status in (200, 303), f"asking for a sign-in: {status}"
    client.close()


def files_of(doorkey):
    return [doorkey.database.with_name(doorkey.database.name + end) for end in ("", "-wal", "-shm")]


def tell_what_is_left(doorkey, verdicts, secrets, expected):
    working = sum(opens(doorkey, token) for token in secrets.links)
    texts = count(doorkey, "content IS NOT NULL")
    cells = secrets.in_cells(doorkey.database)
    raw = secrets.tokens_in(*files_of(doorkey), doorkey.folder / "log")
    doorkey.stop()
    raw |= secrets.tokens_in(*files_of(doorkey))
    verdicts.tell("nothing is left of sent mails", f"{expected} mails with {len(secrets.links)} links to the "
                  f"portal, of which {working} work, {len(secrets.desk_links)} to the desk, "
                  f"{len(secrets.codes)} codes",
                  "each is looked for in every column, in the raw files of the database while it serves and "
                  "after, and in the log",
                  f"{texts} texts are left, {len(cells)} secrets in columns, {len(raw)} in files",
                  not texts and not cells and not raw and secrets.codes and secrets.desk_links
                  and working == len(secrets.links) >= expected - 1)


def tell_of_backup(path, verdicts, backup, secrets, later, waited):
    raw, cells = secrets.tokens_in(backup), secrets.in_cells(backup)
    restored = rig.Doorkey(path / "restored", settings={"DOORKEY_MAIL_FROM": FROM})
    restored.command("restore", backup)
    with restored.start():
        opened = [token for token in secrets.links if opens(restored, token)]
    verdicts.tell("a backup in the middle of a queue",
                  f"{waited} mails waited, {len(later.tokens)} links were mailed after it and others before",
                  "it is searched, restored and served, and each link is tried",
                  f"{len(raw) + len(cells)} secrets are in it; {len(opened)} of {len(secrets.links)} links "
                  "open it", waited and not raw and not cells and not opened)
    leak = path / "leak.db"
    shutil.copy(backup, leak)
    token, code = sorted(secrets.tokens)[0], sorted(secrets.codes)[0]
    with contextlib.closing(sqlite3.connect(leak)) as database:
        database.execute("UPDATE outbox SET error = ? WHERE id = (SELECT min(id) FROM outbox)",
                         (f"link {token} or {code}",))
        database.commit()
    seen = secrets.in_cells(leak)
    verdicts.tell("a backup, control", "that backup", "a link and a code are written into it by hand",
                  f"{len(seen)} are found in its columns and {len(secrets.tokens_in(leak))} in the file, as "
                  "they must be", seen == {token, code} and secrets.tokens_in(leak) == {token})


def opens(doorkey, token):
    client = doorkey.client(token)
    status = client.ask("GET", "/api/v1/portal/session")[0]
    client.close()
    return status == 200


# A real server.

def real_server(asked, verdicts):
    found = subprocess.run([PYTHON, "-c", "import aiosmtpd"], capture_output=True)
    assert not found.returncode, "this needs the package python3-aiosmtpd"
    number = 30 if asked.short else 500
    with folder() as path:
        smtp.certificate(path)
        script = rig.ROOT / "tests/it/real/smtp_server.py"
        command = [PYTHON, script, path, str(rig.free_port()), "doorkey", "s3cret"]
        settings = {"DOORKEY_MAIL_FROM": FROM, "DOORKEY_LOG": "warn", "SSL_CERT_FILE": str(path / "ca.pem"),
                    "DOORKEY_SMTP_URL": f"smtp://doorkey:s3cret@localhost:{command[3]}"}
        with listening(command) as first, rig.Doorkey(path / "data", settings=settings) as doorkey:
            doorkey.start()
            queue(doorkey, number)
            rig.until("some have arrived", lambda: len(taken_by(path)) > number / 4)
            first.kill()
            first.wait()
            with listening(command):
                begun = time.monotonic()
                rig.until("all are sent", lambda: count(doorkey, "state = 'sent'") == number, patience=240)
                took = time.monotonic() - begun
            mails = taken_by(path)
            ids, people = {message_id for message_id, _ in mails}, {to for _, to in mails}
            extra = len(mails) - len(ids)
            verdicts.tell("a real mail server", f"{number} mails over STARTTLS with a login, to aiosmtpd",
                          "it is killed once and comes back", f"{len(ids)} Message-IDs for "
                          f"{len(people)} people, {extra} repeats; the rest took {took:.0f} s",
                          len(ids) == len(people) == number and extra <= WORKERS)


@contextlib.contextmanager
def listening(command):
    """A process that says on a line that it is ready."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        assert process.stdout.readline(), f"{command[1]} does not start"
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def taken_by(path):
    """The Message-ID and the recipient of each mail that the server wrote down."""
    mails = []
    for file in path.glob("mail-*.json"):
        mail = json.loads(file.read_text())
        mails.append((dict(mail["headers"])["Message-ID"], mail["to"][0]))
    return mails


TESTS = {
    "at-least-once": at_least_once,
    "never-answers": never_answers,
    "sign-ins-first": sign_ins_first,
    "schedule": schedule,
    "two-processes": two_processes,
    "slow-answers": slow_answers,
    "at-rest": at_rest,
    "real-server": real_server,
}

if __name__ == "__main__":
    rig.main(__doc__, TESTS)
