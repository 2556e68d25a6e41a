#!/usr/bin/env python3
"""Whatever the disk does: a reply that was acknowledged is there when the power comes back, and a call to the
system that fails ends in an answer that says so."""

import contextlib
import errno
import filecmp
import itertools
import mmap
import pathlib
import random
import shutil
import sqlite3
import struct
import subprocess
import tempfile
import time

import rig
from crash import Bench, Tally
from replies import Repliers, address

# How long a server lives until its power is cut, in seconds from when it is ready.
LIFE = (0.06, 0.30)
# Power cuts between two looks at everything.
LOOK = 25
# Calls that fail one after the other, where a disk fails for a while.
A_WHILE = 25


class Disk:
    """The library that stands between Doorkey and its disk, the image of what has reached the disk, and the
    orders which calls fail."""

    def __init__(self, folder):
        self.library, self.image, self.orders = folder / "disk.so", folder / "image", folder / "orders"
        source = pathlib.Path(__file__).with_name("disk.c")
        try:
            subprocess.run(["cc", "-O1", "-shared", "-fPIC", "-pthread", "-o", self.library, source, "-ldl"],
                           check=True)
        except FileNotFoundError:
            raise SystemExit("there is no C compiler here; install Debian's package gcc")
        self.orders.write_bytes(bytes(40))
        with open(self.orders, "r+b") as file:
            self.shared = mmap.mmap(file.fileno(), 40)

    def settings(self, data, seed, deaf):
        return {"LD_PRELOAD": str(self.library), "DISK_FOLDER": str(data), "DISK_IMAGE": str(self.image),
                "DISK_SEED": str(seed), "DISK_ORDERS": str(self.orders), "DISK_DEAF": deaf}

    def order(self, first=0, count=0, error=0):
        """The call number `first` from now on fails, and as many as `count` in all; none without a count."""
        self.shared[:] = struct.pack("5q", 0, first, first + count - 1, error, 0)

    def mend(self):
        """No more calls fail; how many did since the last order."""
        failed = self.failed()
        self.order()
        return failed

    def failed(self):
        return struct.unpack("5q", self.shared[:])[4]


class Machine:
    """A Doorkey on that disk, whose power can be cut."""

    def __init__(self, folder, chance, deaf):
        folder = pathlib.Path(folder).resolve()
        self.chance, self.deaf, self.disk, self.bench = chance, deaf, Disk(folder), Bench(folder)
        self.doorkey = self.bench.doorkey
        self.plain = self.doorkey.settings

    def files(self):
        """What lies on the disk: not the log, and not what SQLite has in memory."""
        return [file for file in self.doorkey.folder.iterdir()
                if file.name != "log" and not file.name.endswith("-shm")]

    def lay(self, files):
        """These files, and no others, are what the disk has."""
        for file in self.doorkey.folder.iterdir():
            if file.is_dir():
                shutil.rmtree(file)
            elif file.name != "log":
                file.unlink()
        shutil.rmtree(self.disk.image, ignore_errors=True)
        self.disk.image.mkdir()
        for file in files:
            shutil.copy(file, self.doorkey.folder)
            shutil.copy(file, self.disk.image)

    def prepare(self, customers):
        """What was there before: customers with tickets, all of it on the disk."""
        self.doorkey.settings = self.plain
        self.doorkey.start()
        made = rig.customers(self.doorkey, customers)
        self.key = self.doorkey.key()
        self.doorkey.stop()
        self.before = self.doorkey.folder.parent / "before"
        self.before.mkdir()
        for file in self.files():
            shutil.copy(file, self.before)
        self.lay(list(self.before.iterdir()))
        return made

    def plug_in(self):
        self.doorkey.settings = {**self.plain, **self.disk.settings(
            self.doorkey.folder, self.chance.randrange(1 << 32), self.deaf)}

    def start(self):
        self.plug_in()
        self.doorkey.start()

    def cut(self):
        """What has reached the disk is all that is left. Whether that is less than was written."""
        self.doorkey.kill()
        names = [file.name for file in self.files()]
        _, unlike, absent = filecmp.cmpfiles(self.doorkey.folder, self.disk.image, names, shallow=False)
        left = self.disk.image.with_name("left")
        shutil.rmtree(left, ignore_errors=True)
        self.disk.image.rename(left)
        self.lay(list(left.iterdir()))
        return bool(unlike or absent)


@contextlib.contextmanager
def machine(chance, deaf=""):
    with tempfile.TemporaryDirectory(prefix="doorkey-rig-power.") as folder:
        made = Machine(folder, chance, deaf)
        with made.doorkey:
            yield made


def cuts(asked, verdicts):
    """Customers reply while the power is cut, again and again. Where SQLite's log is not synced, as a laxer
    setting of SQLite leaves it, replies must be seen to be lost."""
    times = 15 if asked.short else 300
    clients, tally, beyond, twice, unlike = cut_again_and_again(asked, times)
    verdicts.tell(
        "power cuts, SQLite",
        f"8 clients, {clients.sent} replies sent, {len(clients.acknowledged)} acknowledged, "
        f"{tally.seconds()}",
        f"{times} power cuts; at {unlike} the disk had not all that was written",
        f"{tally.missing} lost, {beyond} stored and not acknowledged, {twice} twice, "
        f"faults: {tally.faults[:3] or 'none'}, refusals: {clients.refusals or 'none'}",
        not tally.missing and not twice and not tally.faults and set(clients.refusals) <= {503} and unlike)
    times = 3 if asked.short else 20
    clients, tally, *_ = cut_again_and_again(asked, times, deaf="-wal")
    verdicts.tell("power cuts, control", f"{len(clients.acknowledged)} replies acknowledged",
                  f"{times} power cuts of a disk that never syncs SQLite's log",
                  f"{tally.missing} are missed, as they must be", tally.missing)


def cut_again_and_again(asked, times, **disk):
    chance, tally, seen, unlike = random.Random(asked.seed), Tally(), 0, 0
    with machine(chance, **disk) as made:
        customers = made.prepare(24 if asked.short else 240)
        made.start()
        with Repliers(made.doorkey.port, customers) as clients:
            for cut in range(1, times + 1):
                time.sleep(chance.uniform(*LIFE))
                unlike += made.cut()
                if cut % LOOK == 0:
                    with made.bench.stored() as stored:
                        tally.look(stored, clients.acknowledged)
                acknowledged = clients.since(seen)
                seen += len(acknowledged)
                made.start()
                tally.missing += made.bench.missing(acknowledged)
            unlike += made.cut()
        tally.listen(made.doorkey)
        with made.bench.stored() as stored:
            tally.look(stored, clients.acknowledged)
            return clients, tally, len(stored) - len(clients.acknowledged), stored.twice(), unlike


class Work:
    """A small day: a ticket, replies, a resolution. What was not acknowledged is asked again with its key."""

    def __init__(self, made, customers):
        self.made, (*self.customers, self.settled) = made, customers
        self.acknowledged, self.resolved, self.created = {}, False, None
        self.odd = []  # answers that are neither success nor "try again"

    def go(self):
        """Whether all of it is acknowledged now."""
        program = self.made.doorkey.client(self.made.key)
        done = [self.create(program), *map(self.reply, range(len(self.customers))), self.resolve(program)]
        program.close()
        return all(done)

    def ask(self, client, wanted, path, body=None, headers=None):
        """What was acknowledged, or nothing."""
        try:
            status, _, content = client.ask("POST" if body else "GET", path, body, headers)
        except rig.Unanswered:
            return None
        if status == wanted:
            return content
        if status != 503:
            self.odd.append(f"{path}: {status} {content}")
        return None

    def create(self, program):
        if not self.created:
            ticket = self.ask(program, 201, "/api/v1/tickets", {
                "customer": {"email": "new@rig.example"}, "subject": "New", "description": "One more."},
                {"Idempotency-Key": "new"})
            self.created = ticket and ticket["reference"]
        return self.created

    def reply(self, number):
        word, customer = f"f{number}", self.customers[number]
        if word not in self.acknowledged:
            client = self.made.doorkey.client(customer.token)
            entry = self.ask(client, 201, address(customer), {"body": f"Reply {word}"},
                             {"Idempotency-Key": word})
            client.close()
            if entry:
                self.acknowledged[word] = customer.reference, int(entry["id"])
        return word in self.acknowledged

    def resolve(self, program):
        path = f"/api/v1/tickets/{self.settled.reference}"
        if not self.resolved:
            # It has no key: asked again, it may be resolved already.
            ticket = self.ask(program, 200, path) or {}
            self.resolved = ticket.get("status") == "resolved" or bool(
                self.ask(program, 200, f"{path}/resolution", {"text": "Done."}))
        return self.resolved

    def faults(self, stored):
        """What of it is not there."""
        rows = stored.database.rows
        tickets = dict(rows("SELECT reference, status FROM tickets"))
        found = [f"{word} is lost" for word in stored.lost(self.acknowledged)] + self.odd
        found += ["the ticket is lost"] * bool(self.created and self.created not in tickets)
        found += ["the resolution is lost"] * bool(
            self.resolved and tickets[self.settled.reference] != "resolved")
        [[halves]] = rows("""SELECT count(*) FROM tickets t WHERE
            (SELECT count(*) FROM entries e WHERE e.ticket_id = t.id AND e.kind = 'created') <> 1
            OR (SELECT count(*) FROM (SELECT ticket_id, kind FROM events
                                      UNION ALL SELECT ticket_id, kind FROM event_inbox) e
                WHERE e.ticket_id = t.id AND e.kind = 'ticket.created') <> 1
            OR (t.status = 'resolved') <> EXISTS
                 (SELECT 1 FROM entries e WHERE e.ticket_id = t.id AND e.kind = 'resolution')
            OR NOT EXISTS (SELECT 1 FROM ticket_words w WHERE w.ticket_id = t.id)""")
        return found + stored.faults() + [f"{halves} tickets are there by half"] * bool(halves)


def first_start(made, _customers):
    """Makes a database."""
    made.lay([])
    made.plug_in()
    what = begin(made)
    made.failures = made.disk.mend()
    again(made)
    return what, after_a_cut(made, lambda stored: stored.faults())


def work(made, customers):
    """Starts, does a small day's work, and stops."""
    made.lay(made.before.iterdir())
    made.plug_in()
    job, what = Work(made, customers), begin(made)
    if made.doorkey.process:
        what = "everything was done" if job.go() else "something was refused, and done when asked again"
        if not made.disk.failed():
            code = made.doorkey.stop()
            what = f"it failed while stopping (exit code {code})"
    made.failures = made.disk.mend()
    again(made)
    with contextlib.suppress(AssertionError):
        rig.until("the work is done", job.go, 10)
    if not job.go():
        what = "a restart was needed"
        made.doorkey.kill()
        made.doorkey.start()
        rig.until("the work is done after a restart", job.go)
    return what, after_a_cut(made, job.faults)


def backup(made, _customers):
    """Makes a backup while nothing else runs."""
    made.lay(made.before.iterdir())
    made.plug_in()
    copy = made.doorkey.folder / "copy.db"
    done = made.doorkey.command("backup", copy, check=False)
    made.failures = made.disk.mend()
    faults = [f"no word of why: {done.stderr}"] * bool(done.returncode and "doorkey:" not in done.stderr)
    faults += [f"panic: {done.stderr}"] * ("panicked" in done.stderr or done.returncode < 0)
    # What was synced lies in the image under the name it had then.
    for file in [copy, *made.disk.image.glob(".doorkey-backup-*/backup.db")]:
        if file.exists() and not (file != copy and done.returncode):
            faults += damage(file)
    if done.returncode == 0:
        faults += ["there is no backup"] * (not copy.exists())
        return "there was a good backup", faults
    what = "a good backup and exit code 1" if copy.exists() else "no backup and exit code 1"
    what += ", a folder left behind" * any(made.doorkey.folder.glob(".doorkey-backup-*"))
    if not copy.exists() and made.doorkey.command("backup", copy, check=False).returncode:
        faults.append("no backup afterwards, either")
    return what, faults


def damage(file):
    """What is wrong with a file that must be a backup of what there was before."""
    try:
        with contextlib.closing(sqlite3.connect(f"file:{file}?immutable=1", uri=True)) as database:
            [[state]] = database.execute("PRAGMA integrity_check")
            [[tickets]] = database.execute("SELECT count(*) FROM tickets")
    except sqlite3.DatabaseError as error:
        return [f"{file.name}: {error}"]
    return [f"{file.name}: {state}, {tickets} tickets"] * (state != "ok" or tickets != 3)


def begin(made):
    """Starts it while calls may fail. It runs then, or has ended and said why."""
    with contextlib.suppress(SystemExit):
        made.doorkey.start(wait=False)
        made.doorkey.wait_until_ready(5)
        return "it started"
    if made.doorkey.process.poll() is None:
        return "it was not ready at once"
    code = made.doorkey.process.returncode
    made.doorkey.process = None
    last = made.doorkey.last_words().splitlines()[-1]
    if code != 1 or not last.startswith("doorkey:"):
        raise AssertionError(f"ended with {code}, and its last word was {last}")
    return "it ended and said why, and started when asked again"


def again(made):
    """It runs now that nothing fails: by itself, or started again."""
    if made.doorkey.process:
        made.doorkey.wait_until_ready()
    else:
        made.doorkey.start()


def after_a_cut(made, look):
    """What is wrong with what the disk has, after Doorkey has started on it."""
    made.cut()
    made.start()
    made.doorkey.kill()
    with made.bench.stored() as stored:
        return look(stored)


def fail(asked, verdicts):
    """The first call that writes, syncs, truncates, opens, makes or removes fails, then the second, and so on
    until the scenario does not come so far: each alone, and some with those that follow. Then the power is
    cut."""
    chance = random.Random(asked.seed)
    for scenario in [first_start, work, backup]:
        with machine(chance) as made:
            customers = made.prepare(3)
            for count, step in [(1, 1), (A_WHILE, 6)]:
                # For a short run a few calls are drawn.
                steps = iter(lambda: chance.randint(40, 120), 0) if asked.short else itertools.repeat(step)
                fail_each(made, customers, scenario, count, steps, verdicts)


def fail_each(made, customers, scenario, count, steps, verdicts):
    """Runs a scenario with `count` calls failing from some call on, then from a later one, and so on."""
    begun, outcomes, faults, last, reached, failures = time.monotonic(), {}, [], 0, True, 0
    for first in itertools.accumulate(steps):
        if not reached:
            break
        made.disk.order(first, count, [errno.EIO, errno.ENOSPC][first % 2])
        try:
            what, wrong = scenario(made, customers)
        except AssertionError as error:
            what, wrong = "it failed", [str(error)]
        reached = made.failures
        made.doorkey.kill()
        wrong += panics(made.doorkey)
        if reached:
            outcomes[what] = outcomes.get(what, 0) + 1
            failures += made.failures
            last = first
        faults += [f"{count} failing from {first} on: {fault}" for fault in wrong]
    verdicts.tell(
        f"failing calls, {scenario.__doc__.rstrip('.').lower()}",
        f"{sum(outcomes.values())} runs, the last with call {last}, {time.monotonic() - begun:.0f} s",
        f"{count} {'calls' if count > 1 else 'call'} failing with EIO or ENOSPC in each, {failures} in all",
        f"{'; '.join(f'{times} times {what}' for what, times in outcomes.items())}; "
        f"faults: {faults[:3] or 'none'}",
        outcomes and not faults)


def panics(doorkey):
    log = doorkey.folder / "log"
    found = [line for line in log.read_text(errors="replace").splitlines() if "panicked" in line]
    log.write_text("")
    return found


if __name__ == "__main__":
    rig.main(__doc__, {"cuts": cuts, "fail": fail})
