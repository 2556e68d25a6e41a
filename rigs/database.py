#!/usr/bin/python3
"""Trouble with the database while customers reply: a disk that is full, a lock that another process keeps, a
reader that never ends, a PostgreSQL server that dies and whose standby takes over, and settings that keep
less than was promised.

Needs root (it mounts a small disk) and the Debian packages e2fsprogs and postgresql."""

import collections
import contextlib
import json
import os
import pathlib
import shutil
import signal
import socket
import sqlite3
import subprocess
import tempfile
import threading
import time

import rig
import writers
from writers import Writers, told

CUSTOMERS = 6
# Each reply is a mail to staff, so that all that belongs to a reply is written.
SETTINGS = {"DOORKEY_MAIL_STAFF_INBOX": "staff@rig.example"}
# How long a refusal may take: the wait for a lock is 5 s, and a slow machine gets one more.
REFUSED_WITHIN = 6.0
# From the promotion of the standby to the first reply that is written.
RESUMED_WITHIN = 30.0
MIB = 1024 * 1024
MAKE_DISK = "/usr/sbin/mkfs.ext4"
# What SQLite keeps of its log once it is emptied.
LOG_KEPT = 64 * MIB
# Of the rule DoorkeyDiskFilling.
ALERT = 0.1
# Replies of each customer that are sent again after a failover.
AGAIN = 10


@contextlib.contextmanager
def folder():
    with tempfile.TemporaryDirectory(prefix="doorkey-rig-database.") as made:
        yield pathlib.Path(made)


@contextlib.contextmanager
def small_disk(mib):
    """A disk of its own of so many MiB; yields where it is and of which kind."""
    if os.geteuid() != 0:
        raise SystemExit("this mounts a small disk, which only root may do")
    if not pathlib.Path(MAKE_DISK).exists():
        raise SystemExit(f"{MAKE_DISK} is missing; install Debian's package e2fsprogs")
    with folder() as place:
        image, mount = place / "image", place / "disk"
        mount.mkdir()
        with open(image, "wb") as file:
            file.truncate(mib * MIB)
        subprocess.run([MAKE_DISK, "-q", "-m", "0", image], check=True)
        kind = "ext4"
        if subprocess.run(["mount", "-o", "loop", image, mount], stderr=subprocess.DEVNULL).returncode:
            # No loop devices here, as in some containers.
            kind = "tmpfs"
            subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={mib}m", "tmpfs", mount], check=True)
        try:
            yield mount, kind
        finally:
            subprocess.run(["umount", mount], check=True)


def on_disk(place, disk, settings=None):
    """Doorkey with its data on that disk, and its log elsewhere."""
    return rig.Doorkey(place, f"sqlite:{disk}/doorkey.db",
                       {**SETTINGS, "DOORKEY_DATA_DIR": str(disk), **(settings or {})})


class Readers:
    """A customer who looks at their list and their ticket all the time, by API and as pages."""

    def __init__(self, doorkey, customer):
        reference = customer.reference
        self.paths = ["/api/v1/portal/tickets", f"/api/v1/portal/tickets/{reference}", "/portal",
                      f"/portal/tickets/{reference}"]
        self.client = doorkey.client(customer.token)
        self.answers = []
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.work, daemon=True)

    def work(self):
        while not self.over.is_set():
            for path in self.paths:
                begun = time.monotonic()
                try:
                    status, headers, _ = self.client.ask("GET", path)
                except rig.Unanswered:
                    status, headers = 0, {}
                self.answers.append(writers.Answer(status, begun, time.monotonic(), None,
                                                   headers.get("Content-Type") or ""))
            time.sleep(0.01)

    def bad(self):
        return [answer for answer in self.answers if answer.status != 200]

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()


def checked(ask, work):
    """Replies lost, twice and half there; and what SQLite says of the file."""
    lost, doubled, _ = writers.compare(work.acknowledged(), writers.stored(ask))
    return lost, doubled, writers.halves(ask), ask("PRAGMA integrity_check")[0][0]


def panics(doorkey):
    log = (doorkey.folder / "log").read_text(errors="replace")
    return log.count("panicked")


def full_disk(asked, verdicts):
    """The disk fills up while customers reply, and gets room again."""
    rounds, refusals = (2, 20) if asked.short else (10, 50)
    with folder() as place, small_disk(24) as (disk, kind), on_disk(place, disk) as doorkey:
        doorkey.start()
        people = rig.customers(doorkey, CUSTOMERS + 1)
        ballast = disk / "ballast"
        with Writers(doorkey, people[1:]) as work, Readers(doorkey, people[0]) as readers:
            for _ in range(rounds):
                work.wait_for_more(10)
                fill(ballast)
                work.wait_for_refusals(refusals)
                ballast.unlink()
            work.wait_for_more(10)
        process = doorkey.process.pid
        code = doorkey.stop()
        lost, doubled, half, integrity = checked(writers.rows_of_sqlite(disk / "doorkey.db"), work)
        answers = work.answers()
        verdicts.tell(
            "full disk", f"{CUSTOMERS} customers reply, {work.count()} acknowledged, one reads",
            f"{kind} of 24 MiB filled to the last byte {rounds} times, until each customer was refused "
            f"{refusals} times; then room again, and no restart (process {process})",
            f"answers {told(answers)}; {len(readers.answers)} pages read, {len(readers.bad())} refused; "
            f"{lost} lost, {doubled} twice, {half} half written, integrity {integrity}, "
            f"{panics(doorkey)} panics, exit {code}",
            writers.are_decent(answers) and not readers.bad() and readers.answers and code == 0
            and (lost, doubled, half, integrity, panics(doorkey)) == (0, 0, 0, "ok", 0))


def fill(file):
    """Writes until there is no room, in ever smaller pieces."""
    with open(file, "ab", buffering=0) as out:
        for size in (1 << 20, 1 << 16, 1 << 12, 1):
            with contextlib.suppress(OSError):
                while True:
                    out.write(bytes(size))
        with contextlib.suppress(OSError):
            os.fsync(out.fileno())


def locked(asked, verdicts):
    """Another process keeps SQLite's write lock."""
    seconds = 8 if asked.short else 30
    with folder() as place, rig.Doorkey(place, settings=SETTINGS) as doorkey:
        doorkey.start()
        people = rig.customers(doorkey, CUSTOMERS + 1)
        with Writers(doorkey, people[1:]) as work, Readers(doorkey, people[0]) as readers:
            work.wait_for_more(5)
            begun, ended = hold_the_lock(doorkey.database, seconds)
            work.wait_for_more(5)
        doorkey.stop()
        refused = [answer for answer in work.answers() if answer.status != 201]
        read = [answer for answer in readers.answers if begun <= answer.begun and answer.ended <= ended]
        lost, doubled, half, integrity = checked(writers.rows_of_sqlite(doorkey.database), work)
        verdicts.tell(
            "locked", f"{CUSTOMERS} customers reply, {work.count()} acknowledged, one reads",
            f"another process keeps SQLite's write lock for {seconds} s",
            f"answers {told(work.answers())}; refused after {writers.slowest(refused):.1f} s at most; "
            f"{len(read)} pages read meanwhile, {len(readers.bad())} refused; {lost} lost, {doubled} twice, "
            f"{half} half written, integrity {integrity}",
            refused and all(map(writers.is_refusal, refused)) and read and not readers.bad()
            and (lost, doubled, half, integrity) == (0, 0, 0, "ok")
            and (asked.short or writers.slowest(refused) <= REFUSED_WITHIN))


def hold_the_lock(file, seconds):
    """From when to when it was held."""
    connection = sqlite3.connect(file, timeout=rig.PATIENCE, isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    begun = time.monotonic()
    time.sleep(seconds)
    ended = time.monotonic()
    connection.execute("ROLLBACK")
    connection.close()
    return begun, ended


@contextlib.contextmanager
def stuck_reader(file):
    """Somebody who reads one moment of the database and does not end."""
    connection = sqlite3.connect(file, timeout=rig.PATIENCE, isolation_level=None)
    connection.execute("BEGIN")
    connection.execute("SELECT count(*) FROM tickets").fetchone()
    try:
        yield
    finally:
        connection.close()


def stuck(asked, verdicts):
    """A reader that does not end keeps SQLite's log from being emptied."""
    replies = 1_000 if asked.short else 20_000
    with folder() as place, rig.Doorkey(place, settings=SETTINGS) as doorkey:
        doorkey.start()
        log = place / "doorkey.db-wal"
        with Writers(doorkey, rig.customers(doorkey, CUSTOMERS)) as work:
            with stuck_reader(doorkey.database):
                work.wait_for_more(5)
                size, count, begun = log.stat().st_size, work.count(), times_begun(log)
                rig.until(f"{replies} replies", lambda: work.count() >= count + replies, 600)
                largest, stayed = log.stat().st_size, times_begun(log) == begun
                each = (largest - size) / (work.count() - count)
            rig.until("the log to begin anew", lambda: times_begun(log) != begun)
            after = log.stat().st_size
        doorkey.stop()
        lost, doubled, half, integrity = checked(writers.rows_of_sqlite(doorkey.database), work)
        left = log.stat().st_size if log.exists() else 0
        verdicts.tell(
            "stuck reader", f"{CUSTOMERS} customers reply, {work.count()} acknowledged",
            f"another process reads one moment of the database during {replies:,} replies",
            f"answers {told(work.answers())}; the log grows by {each / 1024:.0f} KiB a reply to "
            f"{largest / MIB:.0f} MiB; the reader gone, it begins anew and keeps {after / MIB:.0f} MiB, "
            f"and {left / MIB:.0f} after the end; {lost} lost, {doubled} twice, {half} half written, "
            f"integrity {integrity}",
            all(answer.status == 201 for answer in work.answers()) and stayed
            and after <= min(largest, LOG_KEPT) + MIB
            and (lost, doubled, half, integrity, left) == (0, 0, 0, "ok", 0))


def times_begun(log):
    """How often SQLite began its log from the beginning: it counts in the file's head."""
    with open(log, "rb") as file:
        return file.read(16)[12:]


def stuck_until_full(asked, verdicts):
    """The log that such a reader keeps fills the disk: the alert must come before the first refusal."""
    metrics = rig.free_port()
    settings = {"DOORKEY_METRICS_LISTEN": f"127.0.0.1:{metrics}"}
    with folder() as place, small_disk(96) as (disk, kind), on_disk(place, disk, settings) as doorkey:
        doorkey.start()
        ballast = disk / "ballast"
        ballast.write_bytes(bytes(24 * MIB))
        with Writers(doorkey, rig.customers(doorkey, CUSTOMERS)) as work:
            with stuck_reader(disk / "doorkey.db"):
                rig.until("the alert of a disk that fills up", lambda: share_free(metrics) < ALERT)
                early = not [answer for answer in work.answers() if answer.status != 201]
                at_alert = work.count()
                work.wait_for_refusals(3)
                at_end = work.count()
            # What is in the log must go into the database, which takes some room itself.
            work.wait_for_refusals(20)
            without_room = work.count() - at_end
            ballast.unlink()
            work.wait_for_more(10)
        code = doorkey.stop()
        lost, doubled, half, integrity = checked(writers.rows_of_sqlite(disk / "doorkey.db"), work)
        verdicts.tell(
            "stuck reader, disk full", f"{CUSTOMERS} customers reply, {work.count()} acknowledged",
            f"another process reads one moment until the log fills a disk of 96 MiB ({kind}); it ends, and "
            "24 MiB are given back",
            f"the alert DoorkeyDiskFilling {at_end - at_alert} replies before the first refusal; answers "
            f"{told(work.answers())}; the reader gone, {without_room} replies before room is given back, and "
            f"writes again then without a restart; {lost} lost, {doubled} twice, {half} half written, "
            f"integrity {integrity}, {panics(doorkey)} panics, exit {code}",
            early and at_end > at_alert and writers.are_decent(work.answers()) and code == 0
            and (lost, doubled, half, integrity, panics(doorkey)) == (0, 0, 0, "ok", 0))


def share_free(port):
    """How much of the disk is free, as the alert reckons it."""
    client = rig.Client(port)
    _, _, text = client.ask("GET", "/metrics")
    client.close()
    values = dict(line.rsplit(" ", 1) for line in text.decode().splitlines() if line[:1] not in ("#", ""))
    return float(values["doorkey_disk_free_bytes"]) / float(values["doorkey_disk_size_bytes"])


class Proxy:
    """An address that leads to one server, then to another or to none."""

    def __init__(self, target):
        self.target = target
        self.open = set()
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.port = self.listening.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listening.accept()
            except OSError:
                return
            threading.Thread(target=self.lead, args=[client], daemon=True).start()

    def lead(self, client):
        try:
            server = socket.create_connection(("127.0.0.1", self.target))
        except (OSError, TypeError):
            client.close()
            return
        pair = (client, server)
        self.open.add(pair)
        back = threading.Thread(target=self.pass_on, args=[server, client], daemon=True)
        back.start()
        self.pass_on(client, server)
        back.join()
        self.open.discard(pair)
        client.close()
        server.close()

    @staticmethod
    def pass_on(source, target):
        with contextlib.suppress(OSError):
            while data := source.recv(65_536):
                target.sendall(data)
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def move(self, target):
        """Leads to another server from now on, or to none; what is open is cut."""
        self.target = target
        for pair in list(self.open):
            for end in pair:
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listening.close()
        self.move(None)


class Standby:
    """A PostgreSQL that follows another through a proxy, until it is promoted."""

    def __init__(self, server):
        self.way = Proxy(port_of(server))
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="doorkey-rig-standby."))
        self.data = self.folder / "data"
        self.port = rig.free_port()
        if os.geteuid() == 0:
            shutil.chown(self.folder, "postgres")

    def run(self, program, *arguments):
        found = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin"))
        if not found:
            raise SystemExit("no PostgreSQL server here; install Debian's package postgresql")
        # The server refuses to run as root.
        user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        subprocess.run([*user, found[-1] / program, *arguments], check=True, cwd="/",
                       stdout=subprocess.DEVNULL)

    def start(self):
        self.run("pg_basebackup", "--pgdata", self.data, "--checkpoint=fast", "--write-recovery-conf",
                 "--dbname", f"postgres://doorkey@127.0.0.1:{self.way.port}/postgres")
        self.run("pg_ctl", "--pgdata", self.data, "--log", self.folder / "log", "--wait", "--silent", "start",
                 "--options", f"-c listen_addresses=127.0.0.1 -c port={self.port} "
                 "-c unix_socket_directories='' -c max_connections=200")

    def promote(self):
        self.run("pg_ctl", "--pgdata", self.data, "--wait", "--silent", "promote")

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            shutil.rmtree(self.folder)
            raise
        return self

    def __exit__(self, *_):
        self.way.__exit__()
        self.run("pg_ctl", "--pgdata", self.data, "--mode=immediate", "--silent", "stop")
        shutil.rmtree(self.folder)


def port_of(url):
    return int(url.rsplit(":", 1)[1].split("/")[0])


def at_port(url, port):
    return url.replace(f":{port_of(url)}/", f":{port}/")


def kill_server(url):
    """SIGKILL for a PostgreSQL and its processes."""
    data = pathlib.Path(rig.sql(url, "SHOW data_directory")[0][0])
    main = int((data / "postmaster.pid").read_text().split()[0])
    children = [int(stat.parent.name) for stat in pathlib.Path("/proc").glob("[0-9]*/stat")
                if parent(stat) == main]
    for process in (main, *children):
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
    # Else who clears up would think that it still runs.
    (data / "postmaster.pid").unlink()


def parent(stat):
    with contextlib.suppress(OSError):
        return int(stat.read_text().rsplit(")", 1)[1].split()[1])


def failover(asked, verdicts):
    """The PostgreSQL server dies under load, and its standby takes over behind the same address."""
    replies = 20 if asked.short else 500
    for take_over in (synchronously, asynchronously):
        with folder() as place, rig.postgres() as server, Standby(server) as standby, \
                Proxy(port_of(server)) as address:
            database = rig.fresh(server)
            with rig.Doorkey(place, at_port(database, address.port), SETTINGS).start() as doorkey:
                take_over(asked, verdicts, Pair(server, standby, address, database), doorkey, replies)


# Two servers, the address that leads to one of them, and Doorkey's database on the first.
Pair = collections.namedtuple("Pair", "server standby address database")


def synchronously(asked, verdicts, pair, doorkey, replies):
    """Each commit is with the standby before it is acknowledged. The address leads to the standby before
    that is promoted, as it may."""
    wait_for_the_standby(pair.server)
    with Writers(doorkey, rig.customers(doorkey, CUSTOMERS)) as work:
        work.wait_for_more(replies)
        kill_server(pair.server)
        died = time.monotonic()
        pair.address.move(pair.standby.port)
        work.wait_for_refusals(5)
        pair.standby.promote()
        promoted = time.monotonic()
        work.wait_for_more(replies)
    same = sum(send_again(writer, died) for writer in work.all)
    all_of_them = AGAIN * len(work.all)
    found, words, holds = after_failover(asked, pair, doorkey, work, promoted)
    lost, _, _ = writers.compare(work.acknowledged(), found)
    verdicts.tell(
        "failover, synchronous", f"{CUSTOMERS} customers reply, {work.count()} acknowledged",
        "the server is killed; its address leads to the standby, which is promoted when each customer was "
        "refused five times",
        f"{lost} lost; of {all_of_them} replies from before that are sent again {same} come out the same; "
        f"{words}",
        holds and lost == 0 and same == all_of_them)


def asynchronously(asked, verdicts, pair, doorkey, replies):
    """The standby may lag behind. What is lost must be counted, or this could not see a loss."""
    people = rig.customers(doorkey, CUSTOMERS)
    with Writers(doorkey, people) as work:
        work.wait_for_more(replies)
        followed = time.monotonic()
        follow(pair.database, pair.standby)
        pair.standby.way.move(None)
        time.sleep(1)
        kill_server(pair.server)
        pair.standby.promote()
        promoted = time.monotonic()
        pair.address.move(pair.standby.port)
        work.wait_for_more(replies)
    found, words, holds = after_failover(asked, pair, doorkey, work, promoted)
    lost, _, _ = writers.compare(work.acknowledged(), found)
    early = lost_before(followed, work, found)
    verdicts.tell(
        "failover, asynchronous", f"{CUSTOMERS} customers reply, {work.count()} acknowledged",
        "the standby hears nothing for 1 s, then the server is killed; the standby is promoted, and the "
        "address leads to it",
        f"{lost} lost, {early} of them acknowledged before the standby was cut off; {words}",
        holds and lost > 0 and early == 0)


def after_failover(asked, pair, doorkey, work, promoted):
    """What the standby has of the replies, and what holds however it followed."""
    doorkey.stop()
    ask = writers.rows_of_postgres(at_port(pair.database, pair.standby.port))
    found = writers.stored(ask)
    _, doubled, _ = writers.compare(work.acknowledged(), found)
    half, answers = writers.halves(ask), work.answers()
    resumed = min(at for writer in work.all for at in writer.acknowledged_at if at > promoted) - promoted
    words = (f"{doubled} twice, {half} half written; first reply {resumed:.1f} s after the promotion; "
             f"answers {told(answers)}")
    return found, words, ((doubled, half, panics(doorkey)) == (0, 0, 0) and writers.are_decent(answers)
                          and (asked.short or resumed <= RESUMED_WITHIN))


def wait_for_the_standby(server):
    """Has the server wait for its standby with each commit from now on."""
    rig.sql(server, "ALTER SYSTEM SET synchronous_standby_names = '*'")
    rig.sql(server, "SELECT pg_reload_conf()")
    rig.until("the standby to be waited for", lambda: rig.sql(
        server, "SELECT 1 FROM pg_stat_replication WHERE sync_state = 'sync' AND state = 'streaming'"))


def follow(server, standby):
    """Waits until the standby has what the server had when this was asked."""
    at = rig.sql(server, "SELECT pg_current_wal_lsn()")[0][0]
    copy = at_port(server, standby.port)
    rig.until("the standby to follow", lambda: rig.sql(
        copy, f"SELECT pg_last_wal_replay_lsn() >= '{at}'::pg_lsn")[0] == ["t"])


def send_again(writer, died):
    """How many of the last replies that the dead server acknowledged come out the same with their keys."""
    known = sum(at < died for at in writer.acknowledged_at)
    same = 0
    for number in range(known - AGAIN, known):
        status, entry = writer.send(number)
        same += status == 201 and entry["id"] == writer.entries[number]
    return same


def lost_before(moment, work, found):
    """Replies that are not there although they were acknowledged before that moment."""
    return sum(at < moment and number not in found.get(writer.number, [])
               for writer in work.all for number, at in enumerate(writer.acknowledged_at))


def weaker_on_sqlite(asked, verdicts):
    """A database that was left in another journal mode is served in the one that Doorkey relies on."""
    with folder() as place, rig.Doorkey(place) as doorkey:
        doorkey.command("migrate")
        with contextlib.closing(sqlite3.connect(doorkey.database)) as other:
            other.execute("PRAGMA journal_mode = DELETE")
        doorkey.start()
        with contextlib.closing(sqlite3.connect(doorkey.database)) as other:
            mode = other.execute("PRAGMA journal_mode").fetchone()[0]
        said = [finding["found"] for finding in findings(doorkey) if "synced" in finding["found"]]
        verdicts.tell("weaker settings, SQLite", "start and doctor",
                      "the database was left in journal mode DELETE",
                      f"served with journal mode {mode}; doctor says: {'; '.join(said)}",
                      mode == "wal" and said)


def weaker_on_postgres(asked, verdicts):
    """Settings of the server, or of Doorkey's role, that keep less than an acknowledgement promises."""
    with rig.postgres() as server:
        database = rig.fresh(server)
        rig.sql(server, "ALTER ROLE doorkey SET synchronous_commit = off")
        tell_weaker(verdicts, database, "synchronous_commit", "off for Doorkey's role")
    with rig.postgres(durable=False) as server:
        tell_weaker(verdicts, rig.fresh(server), "fsync", "off for the server")


def tell_weaker(verdicts, database, setting, how):
    """It must not be used in silence: Doorkey refuses it, sets it right for itself, or warns."""
    with folder() as place, rig.Doorkey(place, database) as doorkey:
        doorkey.start()
        said = [finding for finding in findings(doorkey) if finding["found"].startswith(setting)]
        warned = setting in (place / "log").read_text()
        words = "; ".join(f"{finding['level']}: {finding['found']}" for finding in said)
        verdicts.tell("weaker settings, PostgreSQL", "start and doctor", f"{setting} is {how}",
                      f"doctor says {words}; serve {'warns' if warned else 'says nothing'}",
                      said and (said[0]["level"] == "ok" or said[0]["level"] == "fault" and warned))


def findings(doorkey):
    return json.loads(doorkey.command("doctor", "--json", check=False).stdout)["findings"]


if __name__ == "__main__":
    rig.main(__doc__.split("\n\n")[0], {
        "full disk": rig.only("sqlite", full_disk), "locked": rig.only("sqlite", locked),
        "stuck reader": rig.only("sqlite", stuck),
        "stuck reader fills the disk": rig.only("sqlite", stuck_until_full),
        "failover": rig.only("postgres", failover),
        "weaker settings on SQLite": rig.only("sqlite", weaker_on_sqlite),
        "weaker settings on PostgreSQL": rig.only("postgres", weaker_on_postgres)})
