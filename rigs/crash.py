#!/usr/bin/env python3
"""Whatever is killed, and whenever: a reply that was acknowledged is there, whole, and once."""

import concurrent.futures
import contextlib
import ctypes
import functools
import os
import pathlib
import random
import shlex
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import urllib.parse

import rig
from proxy import Proxy
from replies import MAIL, Postgres, Repliers, Sqlite, Stored, address, missing

# What lives until the rig ends.
KEPT = contextlib.ExitStack()
# How long a server lives, in seconds from when it is ready.
LIFE = (0.06, 0.18)
# Acknowledged replies for each death, on average: a slow machine gets as many more deaths as it takes.
PER_DEATH = 50
# Deaths between two looks at everything.
LOOK = 250
# `prctl` of Linux: orphans of those whom this process started are its own children from now on.
PR_SET_CHILD_SUBREAPER = 36


class Bench:
    """A Doorkey that is killed again and again, and how what it stored is looked at."""

    def __init__(self, folder, url=None, way=None):
        self.folder, self.url = pathlib.Path(folder), url
        self.doorkey = rig.Doorkey(self.folder / "data", way or url, MAIL)

    def missing(self, entries):
        """How many of these are not there, while the server runs."""
        database = Postgres(self.url) if self.url else Sqlite(self.doorkey.database, alive=True)
        try:
            return missing(database, entries)
        finally:
            database.close()

    @contextlib.contextmanager
    def stored(self, log=True):
        """What a dead server left. SQLite is looked at in a copy, as Doorkey itself is to mend the file;
        without the log the copy is what somebody has who copies only the file."""
        database = Postgres(self.url) if self.url else Sqlite(self.copy(log))
        try:
            yield Stored(database)
        finally:
            database.close()

    def copy(self, log):
        copy = self.folder / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        copy.mkdir()
        for ending in ["", "-wal"] if log else [""]:
            shutil.copy(f"{self.doorkey.database}{ending}", copy)
        return copy / self.doorkey.database.name


@contextlib.contextmanager
def bench(server=None, port=None):
    """A Doorkey that runs, on SQLite or on a new database of that server, reached by way of this port."""
    url = server and rig.fresh(server)
    way = url and port and urllib.parse.urlsplit(url)._replace(netloc=f"doorkey@127.0.0.1:{port}").geturl()
    with tempfile.TemporaryDirectory(prefix="doorkey-rig-crash.") as folder:
        made = Bench(folder, url, way)
        with made.doorkey.start():
            yield made


@functools.cache
def postgres():
    """One server for all tests, each with a database of its own; what it answered is on disk. It becomes a
    child of this process, which is told of its end: to pg_ctl it runs as long as nobody was."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)
    return KEPT.enter_context(rig.postgres())


class Tally:
    """What a test counts while it goes on."""

    def __init__(self):
        self.begun = time.monotonic()
        self.missing = 0   # acknowledged and not there after the restart
        self.faults = []   # found by looks at everything

    def look(self, stored, acknowledged):
        self.missing = max(self.missing, len(stored.lost(acknowledged)))
        self.faults += stored.faults()

    def listen(self, doorkey):
        """No panic was told of in the log."""
        log = (doorkey.folder / "log").read_text(errors="replace")
        self.faults += [line for line in log.splitlines() if "panicked" in line]

    def seconds(self):
        return f"{time.monotonic() - self.begun:.0f} s"


def kill(asked, verdicts):
    """Customers reply; Doorkey is killed and started on what it left, again and again."""
    if asked.engine != "postgres":
        with bench() as made:
            kill_again_and_again(made, asked, verdicts, 30 if asked.short else 1000)
    if asked.engine != "sqlite":
        with bench(postgres()) as made:
            kill_again_and_again(made, asked, verdicts, 10 if asked.short else 300)


def kill_again_and_again(made, asked, verdicts, deaths):
    chance, tally, doorkey = random.Random(asked.seed), Tally(), made.doorkey
    customers = rig.customers(doorkey, 24 if asked.short else 800)
    with Repliers(doorkey.port, customers) as clients:
        seen = 0
        death = 0
        while death < deaths or seen < PER_DEATH * deaths:
            time.sleep(chance.uniform(*LIFE))
            doorkey.kill()
            death += 1
            if death % LOOK == 0:
                with made.stored() as stored:
                    tally.look(stored, clients.acknowledged)
            acknowledged = clients.since(seen)
            seen += len(acknowledged)
            doorkey.start()
            tally.missing += made.missing(acknowledged)
        # For the control: of what was written since the start something is in the log alone.
        time.sleep(LIFE[1])
        doorkey.kill()
    tell_of_kills(made, verdicts, clients, tally, death)


def tell_of_kills(made, verdicts, clients, tally, deaths):
    acknowledged = clients.acknowledged
    tally.listen(made.doorkey)
    with made.stored() as stored:
        tally.look(stored, acknowledged)
        beyond, twice = len(stored) - len(acknowledged), stored.twice()
    engine = "PostgreSQL" if made.url else "SQLite"
    verdicts.tell(
        f"kill, {engine}",
        f"8 clients, {clients.sent} replies sent, {len(acknowledged)} acknowledged, {tally.seconds()}",
        f"{deaths} times SIGKILL of Doorkey, {LIFE[0] * 1e3:.0f}-{LIFE[1] * 1e3:.0f} ms after it was ready",
        f"{tally.missing} lost, {beyond} stored and not acknowledged, {twice} twice, "
        f"faults: {tally.faults[:3] or 'none'}, refusals: {clients.refusals or 'none'}",
        not tally.missing and not twice and not tally.faults and set(clients.refusals) <= {503})
    if not made.url:
        with made.stored(log=False) as stored:
            lost = len(stored.lost(acknowledged))
        verdicts.tell("kill, control", f"the same {len(acknowledged)} acknowledged replies",
                      "looked for in a copy of the file without its log",
                      f"{lost} are missed, as they must be", lost)


class Server:
    """The processes of a private PostgreSQL: of this one alone, by their numbers."""

    def __init__(self, url):
        [[self.data]] = rig.sql(url, "SHOW data_directory")
        words = pathlib.Path(f"/proc/{self.postmaster()}/cmdline").read_text()
        self.command = words.rstrip("\0").split("\0")

    def postmaster(self):
        return int((pathlib.Path(self.data) / "postmaster.pid").read_text().split()[0])

    def kill(self):
        first = self.postmaster()
        os.kill(first, signal.SIGSTOP)  # so that it has no more children meanwhile
        children = pathlib.Path(f"/proc/{first}/task/{first}/children").read_text().split()
        every = [first, *map(int, children)]
        for process in every:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        for process in every:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(process, 0)

    def start(self):
        """As it was started first: its options are those that it had."""
        where = self.command.index("-D")
        options = shlex.join(self.command[where + 2:])
        program, data = pathlib.Path(self.command[0]).with_name("pg_ctl"), pathlib.Path(self.data)
        control = [program, "--pgdata", data, "--wait", "--silent", "--log", data.with_name("log"),
                   "--options", options, "start"]
        as_server = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
        started = subprocess.run([*as_server, *control], cwd="/", capture_output=True, text=True)
        if started.returncode:
            raise SystemExit(f"PostgreSQL does not start again: {started.stderr}")


def database(asked, verdicts):
    """Customers reply; PostgreSQL is killed and started again. Doorkey is left alone."""
    if asked.engine == "sqlite":
        return
    running = Server(postgres())
    with bench(postgres()) as made:

        def strike():
            running.kill()
            running.start()

        trouble(made, asked, verdicts, strike, 1 if asked.short else 40, (0.2, 1.0),
                "SIGKILL of all of PostgreSQL")


def cut(asked, verdicts):
    """Customers reply; the connections to PostgreSQL are cut. Both servers are left alone."""
    if asked.engine == "sqlite":
        return
    with Proxy(urllib.parse.urlsplit(postgres()).port) as proxy, bench(postgres(), proxy.port) as made:
        trouble(made, asked, verdicts, proxy.cut, 10 if asked.short else 200, (0.02, 0.4),
                "all connections to PostgreSQL cut")


def trouble(made, asked, verdicts, strike, times, pause, what):
    """Strikes so many times at what is behind Doorkey; each time writes must resume by themselves."""
    chance, tally, doorkey, longest = random.Random(asked.seed), Tally(), made.doorkey, 0
    customers = rig.customers(doorkey, 24 if asked.short else 240)
    with Repliers(doorkey.port, customers) as clients:
        for _ in range(times):
            time.sleep(chance.uniform(*pause))
            strike()
            struck = time.monotonic()
            rig.until("replies are taken again", lambda: clients.last > struck)
            longest = max(longest, clients.last - struck)
    alive = doorkey.process.poll() is None
    doorkey.stop()
    tally.listen(doorkey)
    with made.stored() as stored:
        tally.look(stored, clients.acknowledged)
        beyond, twice = len(stored) - len(clients.acknowledged), stored.twice()
    verdicts.tell(
        what, f"8 clients, {clients.sent} replies sent, {len(clients.acknowledged)} acknowledged, "
        f"{tally.seconds()}", f"{times} times {what}, Doorkey running on",
        f"{tally.missing} lost, {beyond} stored and not acknowledged, {twice} twice, "
        f"faults: {tally.faults[:3] or 'none'}, refusals: {clients.refusals or 'none'}, "
        f"longest until a reply was taken again {longest:.2f} s",
        alive and not tally.missing and not twice and not tally.faults and set(clients.refusals) <= {503})


class Request:
    """One reply with its key, sent as often as it takes until it was answered, and what was answered."""

    def __init__(self, number, customer, other, port, seed):
        self.word, self.customer, self.other, self.port = f"k{number}", customer, other, port
        self.chance = random.Random(f"{seed} {number}")
        self.answers, self.refusals, self.unanswered, self.sent = [], [], [], 0

    def go(self):
        """Several at once, some of which do not wait for the answer, until one was answered."""
        while not self.answers:
            # How long each waits for its answer, in seconds.
            waits = [self.chance.uniform(0.0001, 0.005) if self.chance.random() < 0.3 else rig.PATIENCE
                     for _ in range(self.chance.randint(2, 10))]
            senders = [threading.Thread(target=self.send, args=(wait,)) for wait in waits]
            for sender in senders:
                sender.start()
            for sender in senders:
                sender.join()
            self.sent += len(waits)
            assert not self.refusals, f"{self.word}: {self.refusals[0]}"

    def send(self, wait):
        client = rig.Client(self.port, self.customer.token, wait)
        try:
            status, _, content = self.ask(client, self.customer)
        except rig.Unanswered:
            self.unanswered.append(wait)
            time.sleep(0.002)
        else:
            # "Try again" is an answer, too: it is tried again.
            {201: self.answers, 503: self.unanswered}.get(status, self.refusals).append(content)
        finally:
            client.close()

    def ask(self, client, customer, more=""):
        return client.ask("POST", address(customer), {"body": f"Reply {self.word}{more}"},
                          {"Idempotency-Key": self.word})

    def faults(self):
        """The answers were the same, and are now; another body is refused; another customer is another."""
        client = rig.Client(self.port, self.customer.token)
        again = [self.ask(client, self.customer)[2]]
        found = [f"{self.word}: another answer: {answer}" for answer in self.answers + again
                 if answer != self.answers[0]]
        status, _, content = self.ask(client, self.customer, " and more")
        if (status, content.get("code")) != (422, "idempotency_mismatch"):
            found.append(f"{self.word} with another body: {status} {content}")
        client.token = self.other.token
        status, _, content = self.ask(client, self.other)
        if status != 201 or content["id"] == self.answers[0]["id"]:
            found.append(f"{self.word} of another customer: {status} {content}")
        client.close()
        return found


def repeat(asked, verdicts):
    """Each request several times at once, broken off and killed, until it has an answer."""
    if asked.engine != "postgres":
        with bench() as made:
            repeat_all(made, asked, verdicts, 60 if asked.short else 1000)
    if asked.engine != "sqlite":
        with bench(postgres()) as made:
            repeat_all(made, asked, verdicts, 30 if asked.short else 300)


def repeat_all(made, asked, verdicts, count):
    chance, tally, doorkey, kills = random.Random(asked.seed), Tally(), made.doorkey, 0
    customers = rig.customers(doorkey, 20 if asked.short else 100)
    requests = [Request(number, customers[number % len(customers)], customers[number % len(customers) - 1],
                        doorkey.port, asked.seed) for number in range(count)]
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        done = [pool.submit(request.go) for request in requests]
        while not all(one.done() for one in done):
            time.sleep(chance.uniform(*LIFE))
            doorkey.kill()
            doorkey.start()
            kills += 1
    for one in done:
        one.result()
    doorkey.kill()
    with made.stored() as stored:
        tally.look(stored, {request.word: (None, int(request.answers[0]["id"])) for request in requests})
        replies, notices = len(stored), len(stored.notices())
    doorkey.start()
    for request in requests:
        tally.faults += request.faults()
    tally.listen(doorkey)
    sent, answered, unanswered = (sum(each) for each in zip(
        *((request.sent, len(request.answers), len(request.unanswered)) for request in requests)))
    verdicts.tell(
        f"repeat, {'PostgreSQL' if made.url else 'SQLite'}",
        f"{count} keys, {sent} requests, 2-10 at once for each key, {answered} answered with 201, "
        f"{tally.seconds()}",
        f"{unanswered} broken off by the client or the kill, {kills} times SIGKILL",
        f"{replies} replies and {notices} notices stored; {tally.missing} lost; wrong answers or faults: "
        f"{tally.faults[:3] or 'none'}",
        replies == notices == count and not tally.missing and not tally.faults)


if __name__ == "__main__":
    with KEPT:
        rig.main(__doc__, {"kill": kill, "database": database, "cut": cut, "repeat": repeat})
