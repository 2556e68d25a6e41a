#!/usr/bin/python3
"""Backups taken while customers reply, a restore drill, and migrations that are killed and resumed.

Needs the Debian package postgresql."""

import contextlib
import json
import pathlib
import random
import re
import shutil
import sqlite3
import subprocess
import tempfile
import time

import rig
import writers
from writers import Writers, told

CUSTOMERS = 4
STAFF_INBOX = {"DOORKEY_MAIL_STAFF_INBOX": "staff@rig.example"}
MIB = 1024 * 1024
# A database of 1 GiB is back within this time.
BACK_WITHIN = 60.0
# A migration that is said twice has a file for each engine.
SUFFIXES = {"SQLite": "sqlite", "PostgreSQL": "postgres"}
NEWER = "INSERT INTO migrations (name, applied_at) VALUES ('9999_later', 1)"


@contextlib.contextmanager
def folder():
    with tempfile.TemporaryDirectory(prefix="doorkey-rig-backup.") as made:
        yield pathlib.Path(made)


@contextlib.contextmanager
def engines(asked):
    """By name: what makes the address of a new database, None for SQLite's usual file."""
    with contextlib.ExitStack() as stack:
        found = {}
        if asked.engine != "postgres":
            found["SQLite"] = lambda: None
        if asked.engine != "sqlite":
            # It is not killed here, so it need not wait for its disk.
            server = stack.enter_context(rig.postgres(durable=False))
            found["PostgreSQL"] = lambda: rig.fresh(server)
        yield found


def copies(asked, verdicts):
    """Each copy is whole and holds all that was acknowledged before it was begun."""
    count = 3 if asked.short else 30
    with engines(asked) as found:
        for engine, address in found.items():
            with folder() as place:
                copy_under_load(verdicts, engine, address(), place, count)


def copy_under_load(verdicts, engine, address, place, count):
    with rig.Doorkey(place / "data", address, STAFF_INBOX) as doorkey:
        doorkey.command("generate", "--customers", 50, "--tickets", 500, "--seed", 1)
        doorkey.start()
        file, bad, plain, sizes = place / "backup.db", [], [], []
        with Writers(doorkey, rig.customers(doorkey, CUSTOMERS)) as work:
            work.wait_for_more(5)
            for _ in range(count):
                before = work.acknowledged()
                doorkey.command("backup", file, "--replace")
                fault, size = look_at_copy(file, before)
                bad += fault
                sizes.append(size)
                if engine == "SQLite":
                    before = work.acknowledged()
                    # By another process: one that closes the file lets go of all its locks on it.
                    subprocess.run(["cp", doorkey.database, place / "plain.db"], check=True)
                    plain.append(look_at_copy(place / "plain.db", before)[0])
        seen = sum(map(bool, plain))
        control = f"; the control, a plain copy of the file, is seen to fail {seen} of {len(plain)} times"
        verdicts.tell(
            f"backup, {engine}", f"{CUSTOMERS} customers reply, {work.count()} acknowledged, beside 500 "
            "tickets", f"{count} backups meanwhile, with {sizes[0]} to {sizes[-1]} replies",
            f"answers {told(work.answers())}; {len(bad)} bad copies {' '.join(bad[:3])}"
            + (control if plain else ""),
            not bad and sizes == sorted(sizes) and sizes[0] < sizes[-1]
            and (seen > 0 or engine != "SQLite")
            and all(answer.status == 201 for answer in work.answers()))


def look_at_copy(file, acknowledged):
    """What is wrong with it, and how many of the replies it has."""
    ask = writers.rows_of_sqlite(file)
    try:
        found = writers.stored(ask)
        lost, doubled, holes = writers.compare(acknowledged, found)
        wrong = {"lost": lost, "twice": doubled, "holes": holes, "half written": writers.halves(ask)}
        integrity = ask("PRAGMA integrity_check")[0][0]
    except sqlite3.Error as error:
        return [str(error)], 0
    faults = [f"{number} {what}" for what, number in wrong.items() if number]
    if integrity != "ok":
        faults.append(integrity)
    return faults, sum(map(len, found.values()))


def drill(asked, verdicts):
    """The machine is lost after a backup, and another one begins with it."""
    with engines(asked) as found:
        for engine, address in found.items():
            with folder() as place:
                one = Drill(place)
                one.live(address())
                one.begin_anew(address())
                one.tell(verdicts, engine)


class Drill:
    """A restore, from the life before it to what holds afterwards."""

    def __init__(self, place):
        self.place, self.backup = place, place / "backup.db"
        self.links = {}  # what became of each before the end, and whose it is

    def live(self, url):
        """Has customers, links and mails, and loses everything some time after a backup."""
        place = self.place / "lost"
        with rig.Doorkey(place, url, {"DOORKEY_PORTAL_LINK_TTL": "1s"}).start() as doorkey:
            [self.links["expired before"]] = rig.customers(doorkey, 1)
            time.sleep(1.1)
        # Nobody listens at port 1: mails wait.
        silent = {"DOORKEY_SMTP_URL": "smtp://127.0.0.1:1?tls=none",
                  "DOORKEY_MAIL_FROM": "support@rig.example"}
        with rig.Doorkey(place, url, silent).start() as doorkey:
            self.back_up_and_go_on(doorkey)
        with rig.Doorkey(place, url) as doorkey:
            # The mails get out after the backup was made, and at once.
            change(doorkey, "UPDATE outbox SET due_at = created_at")
            doorkey.start()
            rig.until("the mails to get out", lambda: not outbox(doorkey, "queued"))
            self.sent = mailbox(doorkey)
        shutil.rmtree(place)

    def back_up_and_go_on(self, doorkey):
        names = ["in use", "revoked before", "revoked after"]
        self.links |= zip(names, rig.customers(doorkey, len(names)))
        program = doorkey.client(doorkey.key())
        revoke(program, self.links["revoked before"])
        with Writers(doorkey, rig.customers(doorkey, CUSTOMERS)) as self.work:
            self.work.wait_for_more(20)
            self.before = self.work.acknowledged()
            doorkey.command("backup", self.backup)
            self.waiting = len(outbox(doorkey, "queued"))
            self.work.wait_for_more(5)
            revoke(program, self.links["revoked after"])
            [self.links["made after"]] = rig.customers(doorkey, 1)
        self.alive = self.that_open(doorkey)

    def that_open(self, doorkey):
        return sorted(name for name, link in self.links.items() if opens(doorkey, link) != 401)

    def begin_anew(self, url):
        begun = time.monotonic()
        with rig.Doorkey(self.place / "restored", url) as doorkey:
            self.said = doorkey.cli("restore", self.backup)
            doorkey.start()
            self.took = time.monotonic() - begun
            self.opened = self.that_open(doorkey)
            self.is_seen = self.sees_their_ticket(doorkey)
            # A mail that would go out by itself would do so within a second.
            time.sleep(3)
            self.held, self.unasked = outbox(doorkey, "held"), mailbox(doorkey)
            doorkey.command("outbox", "retry", self.held[0]["id"])
            rig.until("the mail that was asked for", lambda: mailbox(doorkey))
            self.is_known = mailbox(doorkey) <= self.sent
            doorkey.command("backup", self.place / "after.db")
        self.found = writers.stored(writers.rows_of_sqlite(self.place / "after.db"))

    def sees_their_ticket(self, doorkey):
        """Whether a customer whose link was in use finds all again by a new one."""
        customer = self.links["in use"]
        url = doorkey.cli("customer", "link", "--email", customer.email)["url"]
        client = doorkey.client(url.split("#token=")[1])
        tickets = client.expect(200, "GET", "/api/v1/portal/tickets")["items"]
        return [ticket["reference"] for ticket in tickets] == [customer.reference]

    def tell(self, verdicts, engine):
        lost, doubled, holes = writers.compare(self.before, self.found)
        later = self.work.count() - sum(map(len, self.found.values()))
        verdicts.tell(
            f"restore drill, {engine}",
            f"{CUSTOMERS} customers reply, {self.work.count()} acknowledged, {sum(self.before.values())} "
            f"before the backup began; links that work: {', '.join(self.alive)}",
            "the data is destroyed after links were revoked and made and all mails had got out; restored "
            "into an empty place",
            f"back after {self.took:.1f} s; {lost} of those before lost, {doubled} twice, {holes} holes, "
            f"{later} of the later ones gone; {len(self.opened)} of {len(self.links)} old links open "
            f"anything; the customer {'finds' if self.is_seen else 'DOES NOT FIND'} their ticket by a new "
            f"link; {len(self.held)} mails held of {self.waiting} that waited, {len(self.unasked)} sent by "
            f"themselves, one sent when asked for, {'with its old' if self.is_known else 'WITH A NEW'} "
            "Message-ID",
            self.alive == ["in use", "made after"] and not self.opened and self.is_seen and self.is_known
            and (lost, doubled, holes) == (0, 0, 0) and later > 0 and not self.unasked
            and len(self.held) == self.said["mails_held"] == self.waiting)


def revoke(program, customer):
    program.expect(204, "DELETE", f"/api/v1/customers/{customer.id}/links")


def opens(doorkey, customer):
    """What the portal answers to somebody's link."""
    return doorkey.client(customer.token).ask("GET", "/api/v1/portal/tickets")[0]


def outbox(doorkey, state):
    return doorkey.cli("outbox", "list", "--state", state)["items"]


def change(doorkey, text):
    """Runs a statement on a database that nobody serves."""
    if not doorkey.database_url.startswith("sqlite:"):
        rig.sql(doorkey.database_url, text)
        return
    with contextlib.closing(sqlite3.connect(doorkey.database_url.removeprefix("sqlite:"))) as connection:
        connection.execute(text)
        connection.commit()


def mailbox(doorkey):
    """The Message-IDs of the mails that were captured instead of sent."""
    files = (doorkey.folder / "mailbox").glob("*.json")
    return {dict(json.loads(file.read_text())["headers"])["Message-ID"] for file in files}


def large(asked, verdicts):
    """How long it takes until a large database is back."""
    tickets = 2_000 if asked.short else 400_000
    with folder() as place, rig.Doorkey(place / "lost") as doorkey:
        doorkey.command("generate", "--customers", tickets // 20, "--tickets", tickets, "--seed", 1)
        file = place / "backup.db"
        begun = time.monotonic()
        doorkey.command("backup", file)
        backed_up = time.monotonic() - begun
        shutil.rmtree(place / "lost")
        size = file.stat().st_size / MIB
        begun = time.monotonic()
        with rig.Doorkey(place / "restored") as restored:
            said = restored.cli("restore", file)
            restored.start()
            back = time.monotonic() - begun
        rows = sum(table["rows"] for table in said["tables"])
        verdicts.tell("restore, large", f"{tickets:,} tickets, {rows:,} rows, {size:,.0f} MiB",
                      "the data is destroyed and restored from a backup",
                      f"backup in {backed_up:.0f} s; restored and serving in {back:.0f} s",
                      asked.short or back <= BACK_WITHIN * max(1, size / 1024))


def names_of_migrations():
    files = (rig.ROOT / "migrations").glob("*.sql")
    return sorted({file.name.split(".")[0] for file in files})


def words_of(name, engine):
    """A migration as it is applied on that engine."""
    folder_of_all = rig.ROOT / "migrations"
    once = folder_of_all / f"{name}.sql"
    if not once.exists():
        return (folder_of_all / f"{name}.{SUFFIXES[engine]}.sql").read_text()
    return in_words_of_sqlite(once.read_text()) if engine == "SQLite" else once.read_text()


def in_words_of_sqlite(text):
    """As src/db/translate.rs does, for as much as our migrations need. That it is the same is seen at the
    end: the schema must come out as Doorkey's own."""
    text = re.sub(r"\b(\w+) BOOLEAN\b", r"\1 INTEGER CHECK (\1 IN (0, 1))", text)
    text = re.sub(r"\bBIGINT\b", "INTEGER", text)
    text = re.sub(r"\bBYTEA\b", "BLOB", text)

    def ended(table):
        return f"{table[0][:-1]} STRICT{', WITHOUT ROWID' if table[1] else ''};"

    return re.sub(r"(-- clustered\n)?CREATE TABLE .*?\n\);", ended, text, flags=re.DOTALL)


def applied(names, engine):
    """What applies these by hand, and remembers them as Doorkey does."""
    strict = " STRICT" if engine == "SQLite" else ""
    number = "INTEGER" if engine == "SQLite" else "BIGINT"
    table = f"CREATE TABLE IF NOT EXISTS migrations (name TEXT PRIMARY KEY, applied_at {number} NOT NULL)"
    noted = [f"INSERT INTO migrations (name, applied_at) VALUES ('{name}', 1);" for name in names]
    return "\n".join([f"{table}{strict};", *(words_of(name, engine) for name in names), *noted])


class OnSqlite:
    """Databases as earlier versions left them, in files to be copied."""

    name = "SQLite"

    def __init__(self, place, full):
        self.place, self.full = place, full

    def earlier(self, names, state):
        """One with these migrations and with rows."""
        file = self.place / f"state{state}.db"
        with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as made:
            made.execute("PRAGMA journal_mode = WAL")
            if names:
                made.executescript(applied(names, self.name))
                made.execute(f"ATTACH '{self.full}' AS full_one")
                made.execute("BEGIN")
                tables = [row[0] for row in made.execute(
                    "SELECT name FROM main.pragma_table_list WHERE schema = 'main' AND type = 'table' "
                    "AND name NOT IN ('sqlite_schema', 'migrations')")]
                for table in tables:
                    made.execute(f"INSERT OR REPLACE INTO main.{table} SELECT * FROM full_one.{table}")
                made.execute("COMMIT")
        return file

    def copy(self, state):
        file = self.place / "work" / "doorkey.db"
        shutil.rmtree(file.parent, ignore_errors=True)
        file.parent.mkdir()
        shutil.copy(state, file)
        return f"sqlite:{file}"

    def picture(self, url):
        """Everything that the database has but the times of the migrations."""
        ask = writers.rows_of_sqlite(url.removeprefix("sqlite:"))
        schema = ask("SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name")
        tables = [name for kind, name, _, _ in schema if kind == "table" and name != "migrations"]
        rows = {table: sorted(map(repr, ask(f"SELECT * FROM {table}"))) for table in tables}
        return schema, self.known(url), rows, ask("PRAGMA integrity_check")

    def known(self, url):
        """The migrations that are applied."""
        ask = writers.rows_of_sqlite(url.removeprefix("sqlite:"))
        if not ask("SELECT 1 FROM sqlite_schema WHERE name = 'migrations'"):
            return []
        return [row[0] for row in ask("SELECT name FROM migrations ORDER BY name")]

    def drop(self, url):
        pass


class OnPostgres:
    """The same on a PostgreSQL server, as databases to be templates."""

    name = "PostgreSQL"

    def __init__(self, server, full):
        self.server, self.full = server, full

    def earlier(self, names, state):
        url = rig.fresh(self.server)
        if names:
            feed(url, applied(names, self.name))
            rows = subprocess.run(["pg_dump", "--data-only", "--exclude-table=migrations", self.full],
                                  check=True, capture_output=True, text=True).stdout
            # The first migration has put some rows there already.
            feed(url, "DELETE FROM event_numbers;\nSET session_replication_role = replica;\n" + rows)
        return url

    def copy(self, state):
        url = f"{self.server.rsplit('/', 1)[0]}/round_{time.monotonic_ns()}"
        rig.sql(self.server, f"CREATE DATABASE {name_of(url)} TEMPLATE {name_of(state)}")
        return url

    def picture(self, url):
        schema = subprocess.run(["pg_dump", "--schema-only", url], check=True, capture_output=True,
                                text=True).stdout
        # A word by lot, against what a dump could do to psql.
        schema = [line for line in schema.splitlines() if not re.match(r"\\(un)?restrict", line)]
        tables = [row[0] for row in rig.sql(
            url, "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")]
        each = [f"SELECT '{table}', md5(string_agg(t::text, '' ORDER BY t::text)) FROM {table} t"
                for table in tables if table != "migrations"]
        rows = rig.sql(url, " UNION ALL ".join(each))
        return schema, self.known(url), rows

    def known(self, url):
        if rig.sql(url, "SELECT to_regclass('migrations') IS NULL")[0] == ["t"]:
            return []
        return [row[0] for row in rig.sql(url, "SELECT name FROM migrations ORDER BY name")]

    def drop(self, url):
        rig.sql(self.server, f"DROP DATABASE {name_of(url)} WITH (FORCE)")


def name_of(url):
    return url.rsplit("/", 1)[1]


def feed(url, text):
    done = subprocess.run(["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", url], input=text, text=True,
                          capture_output=True)
    if done.returncode:
        raise SystemExit(f"psql: {done.stderr}")


def migrations(asked, verdicts):
    """A migration that is killed is resumed, and ends as if nothing had been."""
    rounds = 4 if asked.short else 200
    by_lot = random.Random(asked.seed)
    with folder() as place, engines(asked) as found:
        filled = rig.Doorkey(place / "filled")
        filled.command("generate", "--customers", 20, "--tickets", 100 if asked.short else 1_000, "--seed", 1)
        for engine, address in found.items():
            if engine == "SQLite":
                side = OnSqlite(place, filled.database)
            else:
                full = address()
                filled.command("copy", "--to", full)
                side = OnPostgres(full, full)
            kill_and_resume(verdicts, side, place, rounds, by_lot)


def kill_and_resume(verdicts, side, place, rounds, by_lot):
    names = names_of_migrations()
    states = [side.earlier(names[:count], count) for count in range(len(names))]
    whole, times = zip(*(undisturbed(side, state, place) for state in states))
    kills, between, unequal = 0, 0, 0
    for number in range(rounds):
        index = number % len(states)
        url = side.copy(states[index])
        migrating = rig.Doorkey(place / "data", url)
        for _ in range(3):
            kills += killed(migrating, by_lot.uniform(0.2, 1.4) * times[index])
            between += index < len(side.known(url)) < len(names)
        migrating.command("migrate")
        unequal += side.picture(url) != whole[index]
        side.drop(url)
    same = all(picture[:2] == whole[0][:2] for picture in whole)
    verdicts.tell(
        f"migrations, {side.name}", f"{rounds} rounds from {len(states)} earlier states, empty or with rows",
        f"doorkey migrate killed {kills} times at a random moment, then run to its end; {between} times some "
        "steps were done and some not",
        f"{unequal} ended unlike an undisturbed run; all states come to "
        f"{'the same schema' if same else 'SCHEMAS THAT DIFFER'}",
        unequal == 0 and same and 4 * kills >= rounds)


def undisturbed(side, state, place):
    """What comes of that state, and the shortest time that it takes."""
    times = []
    for _ in range(4):
        url = side.copy(state)
        begun = time.monotonic()
        rig.Doorkey(place / "data", url).command("migrate")
        times.append(time.monotonic() - begun)
        if len(times) == 4:
            picture = side.picture(url)
        side.drop(url)
    return picture, min(times)


def killed(doorkey, after):
    """Whether `doorkey migrate` was still at work so many seconds later, when it was killed."""
    process = subprocess.Popen([rig.BINARY, "migrate"], env=doorkey.environment(), stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(after)
    running = process.poll() is None
    process.kill()
    process.wait()
    return running


def newer(asked, verdicts):
    """A database that a newer version has migrated: an older one serves it, and keeps it safe."""
    with folder() as place, rig.Doorkey(place / "data") as doorkey:
        doorkey.command("migrate")
        change(doorkey, NEWER)
        doorkey.start()
        with Writers(doorkey, rig.customers(doorkey, 2)) as work:
            work.wait_for_more(5)
        warned = "newer than this program" in (doorkey.folder / "log").read_text()
        backup = doorkey.command("backup", place / "backup.db", check=False)
        verdicts.tell(
            "newer database", f"2 customers reply, {work.count()} acknowledged",
            "the database has a migration that the program does not know",
            f"served, {'with' if warned else 'WITHOUT'} a warning; answers {told(work.answers())}; backup: "
            f"{last_words(backup)}",
            warned and all(answer.status == 201 for answer in work.answers()) and backup.returncode == 0)
    with folder() as place:
        file = place / "backup.db"
        older = rig.Doorkey(place / "older")
        older.command("migrate")
        older.command("backup", file)
        change(rig.Doorkey(place, f"sqlite:{file}"), NEWER)
        refused = rig.Doorkey(place / "other").command("restore", file, check=False)
        verdicts.tell("newer backup", "restore", "the backup has a migration that the program does not know",
                      f"exit {refused.returncode}: {last_words(refused)}",
                      refused.returncode == 1 and "9999_later" in refused.stderr
                      and not (place / "other/doorkey.db").exists())


def last_words(done):
    """What a command said at the end, without the names of files."""
    lines = (done.stderr.strip() or done.stdout.strip()).splitlines()
    return re.sub(r"\S*/", "", lines[-1] if lines else "nothing")


if __name__ == "__main__":
    rig.main(__doc__.split("\n\n")[0], {
        "backup": copies, "restore drill": drill, "large restore": rig.only("sqlite", large),
        "migrations": migrations, "newer database": rig.only("sqlite", newer)})
