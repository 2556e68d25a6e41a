"""An hour of everything at once, with something going wrong all the time: nothing that was acknowledged is
lost, nothing is answered with a bug, and the process ends as small as it began."""

import contextlib
import os
import pathlib
import re
import shutil
import socket
import sqlite3
import statistics
import tempfile
import threading
import time

import rig
import smtp
import writers

FULL, SHORT = 60 * 60, 45
# So much of the time is for caches to fill.
WARM_UP = 1 / 4
# How much larger the second half may be than the first. Within a minute caches are still being filled.
FLAT, FILLING = 1.15, 1.5
# Threads that wait for files come and go by the handful.
HANDFUL = 4
# Answers that say what happened; any other, a 500 above all, is a fault.
EXPECTED = {200, 201, 202, 303, 304, 503}


class Actor:
    """Somebody who does the same again and again, with a pause; counts what they were answered."""

    def __init__(self, doorkey, name, pause, token=None):
        self.doorkey, self.name, self.pause = doorkey, name, pause
        self.client = doorkey.client(token)
        self.turn = 0
        self.statuses = {}
        self.odd = []         # what was answered as nothing ought to be
        self.unanswered = []  # when a connection broke
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.go_on, daemon=True)

    def go_on(self):
        while not self.over.wait(self.pause):
            self.turn += 1
            try:
                self.act()
            except (rig.Unanswered, OSError):
                self.unanswered.append(time.monotonic())
        self.client.close()

    def ask(self, method, path, body=None, headers=None):
        status, told, content = self.client.ask(method, path, body, headers)
        self.note(status, told, f"{method} {path}")
        return status, content

    def note(self, status, told, what):
        self.statuses[status] = self.statuses.get(status, 0) + 1
        if status not in EXPECTED or status == 503 and not told.get("Retry-After"):
            self.odd.append(f"{what}: {status}")

    def stop(self):
        self.over.set()
        self.thread.join()


class Replier(Actor):
    """A customer who replies; each reply is sent with one key until it is acknowledged."""

    def __init__(self, doorkey, number, customer):
        super().__init__(doorkey, "replies", 0.25)
        self.writer = writers.Writer(doorkey, number, customer)

    def act(self):
        status = self.writer.write_next()
        answer = self.writer.answers[-1]
        if status:
            self.note(status, {"Retry-After": answer.retry_after}, "reply")
        else:
            self.unanswered.append(answer.ended)


class Reader(Actor):
    """A customer who looks at the list, a ticket and the page."""

    def __init__(self, doorkey, customer):
        super().__init__(doorkey, "portal", 0.1, customer.token)
        self.paths = ["/api/v1/portal/tickets", "/api/v1/portal/tickets?status=open&q=siren", "/portal",
                      f"/api/v1/portal/tickets/{customer.reference}", f"/portal/tickets/{customer.reference}"]

    def act(self):
        self.ask("GET", self.paths[self.turn % len(self.paths)])


class Program(Actor):
    """A program of the company: creates tickets, works on them, reads lists and what happened."""

    def __init__(self, doorkey, key):
        super().__init__(doorkey, "programs", 0.1, key)
        self.cursor, self.reference = "", None

    def act(self):
        step = self.turn % 6
        if step == 0:
            # Should there be no answer, the ticket before is not resolved twice.
            self.reference = None
            status, ticket = self.ask("POST", "/api/v1/tickets", {
                "customer": {"email": f"soak{self.turn % 40}@rig.example"}, "subject": f"Camera {self.turn}",
                "description": "It is black at night."})
            self.reference = ticket["reference"] if status == 201 else None
        elif step == 1 and self.reference:
            self.ask("POST", f"/api/v1/tickets/{self.reference}/notes",
                     {"body": "We come on Thursday.", "visibility": "public"})
        elif step == 2 and self.reference:
            self.ask("POST", f"/api/v1/tickets/{self.reference}/resolution", {"text": "A new lamp."})
        elif step == 3:
            self.ask("GET", "/api/v1/tickets?status=open&sort=priority&limit=50")
        elif step == 4:
            self.ask("GET", "/api/v1/tickets?q=night%20black&limit=20")
        else:
            after = f"&cursor={self.cursor}" if self.cursor else ""
            status, events = self.ask("GET", f"/api/v1/events?limit=100{after}")
            self.cursor = events["next_cursor"] if status == 200 else self.cursor


class Desk(Actor):
    """A colleague who looks through the desk."""

    PATHS = ("/admin", "/admin/tickets", "/admin/tickets?q=siren", "/admin/customers", "/admin/outbox",
             "/admin/audit")

    def __init__(self, doorkey, cookie):
        super().__init__(doorkey, "desk", 0.2)
        self.cookie = cookie

    def act(self):
        self.ask("GET", self.PATHS[self.turn % len(self.PATHS)], headers={"Cookie": self.cookie})


class Asker(Actor):
    """People who ask for links, known and unknown."""

    def __init__(self, doorkey, customers):
        super().__init__(doorkey, "links", 0.5)
        self.customers = customers

    def act(self):
        known = self.customers[self.turn % len(self.customers)].email
        self.ask("POST", "/api/v1/portal/links", {"email": known if self.turn % 2 else "nobody@rig.example"})


class Listener(Actor):
    """Open pages: streams of events that are opened, heard for a while and closed without a word."""

    def __init__(self, doorkey, path, headers):
        super().__init__(doorkey, "streams", 0.2)
        self.head = f"GET {path} HTTP/1.1\r\nhost: localhost\r\n" + "".join(
            f"{name}: {value}\r\n" for name, value in headers.items()) + "\r\n"
        self.heard = 0

    def act(self):
        with socket.create_connection(("127.0.0.1", self.doorkey.port), rig.PATIENCE) as stream:
            stream.sendall(self.head.encode())
            first = stream.recv(65536)
            if not first:
                raise rig.Unanswered("no stream")
            waits = {"Retry-After": "said"} if b"retry-after" in first.lower() else {}
            self.note(int(first.split()[1]), waits, "stream")
            stream.settimeout(0.5)
            ends = time.monotonic() + 1 + self.turn % 5
            while time.monotonic() < ends and not self.over.is_set():
                with contextlib.suppress(TimeoutError):
                    more = stream.recv(65536)
                    self.heard += more.count(b"\ndata: ")
                    if not more:
                        return


class Size:
    """What the process takes of the machine, twice a second."""

    def __init__(self, doorkey):
        self.doorkey = doorkey
        self.samples = []  # when, MiB, files, threads
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.go_on, daemon=True)
        self.thread.start()

    def go_on(self):
        while not self.over.wait(0.5):
            with contextlib.suppress(OSError, AttributeError, TypeError):  # while it dies or starts again
                self.samples.append((time.monotonic(), *size(self.doorkey)))

    def stop(self):
        self.over.set()
        self.thread.join()

    def halves(self, since, column):
        """The medians of both halves of the time since then."""
        values = [sample[column] for sample in self.samples if sample[0] >= since]
        middle = len(values) // 2
        return statistics.median(values[:middle]), statistics.median(values[middle:])


def size(doorkey):
    process = pathlib.Path(f"/proc/{doorkey.process.pid}")
    status = (process / "status").read_text()
    return (int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024, len(os.listdir(process / "fd")),
            int(re.search(r"Threads:\s+(\d+)", status)[1]))


def is_flat(first, second, gate=FLAT):
    return second <= gate * first


# What goes wrong: each for so many seconds.

def silent_mail_server(soak, seconds):
    """The mail server takes connections and says nothing."""
    soak.mail_server.hold("greeting")
    time.sleep(seconds)
    soak.mail_server.release()


def lock(soak, seconds):
    """Another process writes, and takes its time."""
    other = sqlite3.connect(soak.doorkey.database, timeout=rig.PATIENCE, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    time.sleep(min(seconds, 3))
    other.execute("ROLLBACK")
    other.close()


def slow_clients(soak, seconds):
    """Half-sent requests and bodies that do not come."""
    starts = [b"GET /portal HTTP/1.1\r\nhost:", b"", b"POST /api/v1/portal/links HTTP/1.1\r\nhost: x\r\n"
              b"content-type: application/json\r\ncontent-length: 100\r\n\r\n{"]
    with contextlib.ExitStack() as held:
        for number in range(200):
            client = socket.create_connection(("127.0.0.1", soak.doorkey.port), rig.PATIENCE)
            held.enter_context(client)
            client.sendall(starts[number % len(starts)])
        time.sleep(seconds)


def backup(soak, seconds):
    """Backups are written, one after another."""
    ends = time.monotonic() + seconds
    while True:
        soak.doorkey.command("backup", soak.doorkey.folder / "backup.db", "--replace")
        if time.monotonic() >= ends:
            return
        time.sleep(0.5)


def kill(soak, seconds):
    """The process is killed in the midst of it, and started again."""
    begun = time.monotonic()
    soak.doorkey.kill()
    soak.doorkey.start()
    soak.away.append((begun, time.monotonic()))
    time.sleep(min(seconds, 5))


FAULTS = (silent_mail_server, lock, slow_clients, backup)


class Soak:
    """Everybody at once, for so long."""

    def __init__(self, folder, seconds):
        self.seconds = seconds
        self.mail_server = smtp.Server(smtp.Same())
        self.doorkey = rig.Doorkey(folder, settings={
            "DOORKEY_SMTP_URL": self.mail_server.url(), "DOORKEY_MAIL_FROM": "doorkey@rig.example",
            "DOORKEY_MAIL_STAFF_INBOX": "desk@rig.example"})
        self.away = []   # from when to when nobody answered
        self.faults = {}

    def invite(self):
        """The actors."""
        doorkey = self.doorkey
        people = rig.customers(doorkey, 24)
        cookie = sign_in(doorkey)
        self.repliers = [Replier(doorkey, number, customer) for number, customer in enumerate(people[:6])]
        self.actors = [
            *self.repliers, *(Reader(doorkey, customer) for customer in people[:3]),
            *(Program(doorkey, doorkey.key(name=f"Soak {number}")) for number in range(2)),
            Desk(doorkey, cookie), Desk(doorkey, cookie), Asker(doorkey, people[6:]),
            *(Listener(doorkey, f"/portal/tickets/{customer.reference}/live",
                       {"authorization": f"Bearer {customer.token}"}) for customer in people[:3]),
            Listener(doorkey, "/admin/live?after=0", {"cookie": cookie})]

    def run(self, with_kills):
        """When the measured part began. Kills come in the first half of the time before it: what is measured
        is one process that has become as large as it becomes."""
        begun = time.monotonic()
        warm = begun + self.seconds * WARM_UP
        turn = 20 if with_kills else 3
        for actor in self.actors:
            actor.thread.start()
        for number in range(10_000):
            fault = FAULTS[number % len(FAULTS)]
            if time.monotonic() > begun + self.seconds:
                break
            self.go_wrong(fault, turn)
            if with_kills and time.monotonic() < begun + self.seconds * WARM_UP / 2:
                self.go_wrong(kill, turn)
            time.sleep(turn / 2)
        for actor in self.actors:
            actor.stop()
        return warm

    def go_wrong(self, fault, seconds):
        fault(self, seconds)
        self.faults[fault.__name__] = self.faults.get(fault.__name__, 0) + 1

    def files_of_clients(self):
        """The process's files, without those it may open later and keep: the database's, and to the mail
        server."""
        folder = pathlib.Path(f"/proc/{self.doorkey.process.pid}/fd")
        files = [os.readlink(file) for file in folder.iterdir()]
        return sum("doorkey.db" not in file for file in files) - self.mail_server.open

    def unexcused(self):
        """Connections that broke although the process had not been killed."""
        def excused(moment):
            # Who asked just before may have heard of it a little later.
            return any(begun <= moment <= ended + 5 for begun, ended in self.away)
        return sum(not excused(moment) for actor in self.actors for moment in actor.unanswered)


def sign_in(doorkey):
    """The cookie of a colleague."""
    added = doorkey.cli("staff", "add", "--email", "dana@rig.example", "--name", "Dana", "--role", "admin")
    path = added["url"].split(str(doorkey.port), 1)[1]
    _, headers, _ = doorkey.client().ask("POST", path, b"", {"Sec-Fetch-Site": "same-origin"})
    return next(line.split(";")[0] for line in headers.get_all("Set-Cookie") if len(line.split(";")[0]) > 40)


def soak(asked, verdicts):
    """Everything at once."""
    folder = tempfile.mkdtemp(prefix="doorkey-rig-soak.")
    work = Soak(folder, SHORT if asked.short else FULL)
    try:
        with work.mail_server, work.doorkey:
            work.doorkey.start()
            work.invite()
            measure(asked, work, verdicts)
    finally:
        shutil.rmtree(folder)


def measure(asked, work, verdicts):
    doorkey = work.doorkey
    files = work.files_of_clients()
    sizes = Size(doorkey)
    warm = work.run(with_kills=not asked.short)
    sizes.stop()
    rig.until("files are given back", lambda: work.files_of_clients() <= files)
    files_after = work.files_of_clients()
    exit_code = doorkey.stop()
    counts = {}
    for actor in work.actors:
        counts[actor.name] = counts.get(actor.name, 0) + sum(actor.statuses.values())
    load = f"{work.seconds} s: " + ", ".join(f"{count} {name}" for name, count in counts.items())
    faults = ", ".join(f"{count} x {name.replace('_', ' ')}" for name, count in work.faults.items())
    tell_answers(work, load, faults, exit_code, verdicts)
    tell_replies(work, load, faults, verdicts)
    returned = f"files of clients {files} before and {files_after} after"
    tell_size(asked, sizes, warm, returned, load, faults, verdicts)


def tell_answers(work, load, faults, exit_code, verdicts):
    statuses = {}
    for actor in work.actors:
        for status, count in actor.statuses.items():
            statuses[status] = statuses.get(status, 0) + count
    odd = [word for actor in work.actors for word in actor.odd]
    log = (work.doorkey.folder / "log").read_text(errors="replace")
    bugs = log.count('"status":500') + log.count("panic")
    told = ", ".join(f"{count} x {status}" for status, count in sorted(statuses.items()))
    heard = sum(actor.heard for actor in work.actors if actor.name == "streams")
    unexcused, mails = work.unexcused(), len(work.mail_server.arrived())
    verdicts.tell("soak: answers", load, faults,
                  f"{told}; {len(odd)} odd {odd[:3]}, {unexcused} broken without a kill, {bugs} bugs or "
                  f"panics in the log, {heard} news heard, {mails} mails, exit code {exit_code}",
                  not odd and not unexcused and not bugs and heard and mails and exit_code == 0)


def tell_replies(work, load, faults, verdicts):
    ask = writers.rows_of_sqlite(work.doorkey.database)
    acknowledged = {actor.writer.number: len(actor.writer.entries) for actor in work.repliers}
    lost, doubled, holes = writers.compare(acknowledged, writers.stored(ask))
    integrity = ask("PRAGMA integrity_check")[0][0]
    total = sum(acknowledged.values())
    verdicts.tell("soak: replies", load, faults,
                  f"{total} acknowledged, {lost} lost, {doubled} twice, {holes} holes, integrity {integrity}",
                  total and (lost, doubled, holes, integrity) == (0, 0, 0, "ok"))


def tell_size(asked, sizes, warm, returned, load, faults, verdicts):
    (memory, later), (files, files_later), (threads, threads_later) = (
        sizes.halves(warm, column) for column in (1, 2, 3))
    gate = FILLING if asked.short else FLAT
    flat = (is_flat(memory, later, gate) and is_flat(files, files_later)
            and (is_flat(threads, threads_later) or threads_later <= threads + HANDFUL))
    verdicts.tell("soak: size", load, faults,
                  f"medians of both halves: {memory:.0f} and {later:.0f} MiB (gate x {gate}), {files:.0f} "
                  f"and {files_later:.0f} files, {threads:.0f} and {threads_later:.0f} threads; {returned}",
                  flat)
    verdicts.tell("soak: control", "", "sizes that grow by a fifth", "seen, as they must be",
                  not is_flat(50, 60))


if __name__ == "__main__":
    rig.main(__doc__, {"soak": soak})
