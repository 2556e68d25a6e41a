#!/usr/bin/python3
"""Several `doorkey serve` on one PostgreSQL behind HAProxy, one of which is killed again and again; the
same behind PgBouncer; and what a second process gives. Needs root and Debian's packages postgresql, haproxy,
pgbouncer and (for `throughput`) wrk."""

import bisect
import contextlib
import http.client
import itertools
import json
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import uuid

import rig
import smtp

TICK = os.sysconf("SC_CLK_TCK")
# Mails that a process hands over at a time (src/jobs/schedule.rs), each with a lease of a minute.
MAIL_WORKERS = 4
LEASE = 60.0
# What the mail server takes for a mail: long enough that a kill finds some under way.
MAIL_TAKES = "delay 0.03"
# A browser opens a stream again so long after it broke (`retry:` in src/web/streams.rs).
RETRY = 2.0
# Until every request succeeds again; HAProxy notices within a second.
SHORT_ERRORS = 10.0
# How often one process and two take turns.
TURNS = 3
QUIET = {"DOORKEY_TICKETS_AUTO_CLOSE_DAYS": "0", "DOORKEY_MAIL_ON_CUSTOMER_REPLIED": "false"}
# Within what an end of access counts in the other process.
ENDS_WITHIN = 1.0

HAPROXY = """
defaults
    mode http
    timeout connect 2s
    timeout client 60s
    timeout server 60s
    option forwardfor
    option redispatch 1
    retries 3
    # A page that was not answered is asked for again elsewhere; a reply only by who wrote it.
    retry-on conn-failure empty-response
    option httpchk GET /readyz
    default-server check inter 500ms fall 2 rise 1
listen doorkey
    bind 127.0.0.1:{port}
    http-request disable-l7-retry unless METH_GET
    balance roundrobin
{servers}
"""

PGBOUNCER = """
[databases]
{name} = host={host} port={port} dbname={name} user=doorkey
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {listen}
unix_socket_dir =
auth_type = any
pool_mode = {mode}
max_client_conn = 200
default_pool_size = 40
logfile = {folder}/log
pidfile = {folder}/pid
"""


class Proxy:
    """HAProxy before some processes."""

    def __init__(self, folder, port, processes):
        self.folder, self.port = folder, port
        lines = [f"    server process{at} 127.0.0.1:{it.port}" for at, it in enumerate(processes)]
        text = HAPROXY.format(port=self.port, servers="\n".join(lines))
        (self.folder / "haproxy.cfg").write_text(text)

    def __enter__(self):
        with open(self.folder / "haproxy.log", "ab") as log:
            self.process = subprocess.Popen(["haproxy", "-db", "-f", self.folder / "haproxy.cfg"],
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


class Pooler:
    """PgBouncer before a database."""

    def __init__(self, folder, database_url, mode):
        self.folder = folder / f"pgbouncer.{mode}.{time.monotonic_ns()}"
        self.folder.mkdir()
        self.port = rig.free_port()
        address, name = database_url.rsplit("@", 1)[1].split("/")
        host, port = address.split(":")
        text = PGBOUNCER.format(name=name, host=host, port=port, listen=self.port, mode=mode,
                                folder=self.folder)
        (self.folder / "pgbouncer.ini").write_text(text)
        self.url = f"postgres://doorkey@127.0.0.1:{self.port}/{name}"

    def __enter__(self):
        # It refuses to run as root.
        shutil.chown(self.folder, "postgres", "postgres")
        self.process = subprocess.Popen(
            ["pgbouncer", "-q", self.folder / "pgbouncer.ini"], user="postgres", group="postgres",
            extra_groups=[], cwd="/", stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)
        log = self.folder / "log"
        rig.until("pgbouncer listens", lambda: log.exists() and "process up" in log.read_text())
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


class Pair(contextlib.ExitStack):
    """So many processes on one database, each with a mail server of its own, behind one proxy."""

    def __init__(self, folder, database_url, count, through=None, settings=None, mail_takes=MAIL_TAKES):
        super().__init__()
        self.folder, self.database_url, self.port = folder, database_url, rig.free_port()
        folder.mkdir(parents=True)
        self.mail = smtp.Server(smtp.Dice(0, {"dot": [(1, [mail_takes])]}), ways=count)
        self.processes = [rig.Doorkey(folder / f"process{at}", through or database_url, {
            "DOORKEY_PUBLIC_URL": f"http://localhost:{self.port}",
            "DOORKEY_TRUSTED_PROXIES": "127.0.0.1",
            "DOORKEY_SMTP_URL": self.mail.url(at), "DOORKEY_MAIL_FROM": "Rig <rig@rig.example>",
            **(settings or {})}) for at in range(count)]
        self.proxy = Proxy(folder, self.port, self.processes)
        self.kills = []  # (process, when)

    def __enter__(self):
        super().__enter__()
        self.enter_context(self.mail)
        self.enter_context(self.proxy)
        for process in self.processes:
            self.enter_context(process)
        return self

    def start(self):
        """All at once, as when a machine starts: the first migrates."""
        for process in self.processes:
            process.start(wait=False)
        for process in self.processes:
            process.wait_until_ready()
        rig.until("the proxy has found them", lambda: answers(self.port))
        return self

    def client(self, token=None):
        return rig.Client(self.port, token)

    def kill(self, at):
        self.kills.append((at, time.monotonic()))
        self.processes[at].kill()

    def revive(self, at):
        self.processes[at].start()

    def session(self, email):
        """The cookie of a new admin."""
        added = self.processes[0].cli("staff", "add", "--email", email, "--name", "Rig", "--role", "admin")
        path = "/" + added["url"].split("/", 3)[3]
        status, headers, _ = self.client().ask("POST", path, b"", {"Sec-Fetch-Site": "same-origin"})
        cookies = [it.split(";")[0] for it in headers.get_all("Set-Cookie", []) if len(it.split(";")[0]) > 40]
        if not cookies:
            raise AssertionError(f"signing in: {status} and no session")
        return cookies[0]

    def sql(self, text):
        return rig.sql(self.database_url, text)


class Load:
    """What the clients of a run share: what they were told, what failed, and when to stop."""

    def __init__(self, pair, key):
        self.pair, self.key = pair, key
        self.stop = threading.Event()    # for those who write and read
        self.closed = threading.Event()  # for those who listen
        self.pause = 0.1                 # of a writer, between two replies, at most
        self.acknowledged = []  # (customer, body, sent, when)
        self.repeated = []      # (body, when it was sent again)
        self.failures = []      # (when, what)
        self.requests = 0
        self.wrong = []         # what no fault explains
        self.seconds = 0.0

    @contextlib.contextmanager
    def running(self, customers, chance):
        """Six who write and three who read, until they are left."""
        chances = [random.Random(chance.random()) for _ in range(9)]
        threads = [spawn(self.write, customers, it) for it in chances[:6]]
        threads += [spawn(self.read, customers, it) for it in chances[6:]]
        begun = time.monotonic()
        yield
        self.stop.set()
        for thread in threads:
            thread.join(2 * rig.PATIENCE)
        self.seconds = time.monotonic() - begun

    def ask(self, client, status, *request):
        """The content of an answer, or None if the request failed as it may while a process dies."""
        self.requests += 1  # near enough: only told
        try:
            got, _, content = client.ask(*request)
        except rig.Unanswered as error:
            got, content = "unanswered", str(error)
        if got == status:
            return content
        self.failures.append((time.monotonic(), f"{request[0]} {got}"))
        if got not in ("unanswered", 502, 503, 504):
            self.wrong.append(f"{request[0]} {request[1]}: {got} {content!r:.200}")
        return None

    def insist(self, client, status, *request, name=None):
        """Asks until it is answered; what has a name is noted when it is sent again."""
        begun = time.monotonic()
        while (content := self.ask(client, status, *request)) is None:
            if time.monotonic() - begun > rig.PATIENCE:
                self.wrong.append(f"{request[0]} {request[1]}: never answered")
                return None
            time.sleep(0.05)
            if name:
                self.repeated.append((name, time.time()))
        return content

    def write(self, customers, chance):
        """Replies and notes in turn; each is repeated with its key until it is acknowledged, and must then
        be on the page, whichever process shows it."""
        customer, program = self.pair.client(), self.pair.client(self.key)
        while not self.stop.is_set():
            who, name = chance.choice(customers), str(uuid.uuid4())
            as_customer = chance.random() < 0.6
            client = customer if as_customer else program
            client.token = who.token if as_customer else self.key
            address = (f"/api/v1/portal/tickets/{who.reference}/replies" if as_customer
                       else f"/api/v1/tickets/{who.reference}/notes")
            body = {"body": name} if as_customer else {"body": name, "visibility": "public"}
            sent = time.monotonic()
            done = self.insist(client, 201, "POST", address, body, {"Idempotency-Key": name}, name=name)
            if done is None:
                return
            self.acknowledged.append((who, name, sent, time.monotonic()))
            customer.token = who.token
            page = self.insist(customer, 200, "GET", f"/portal/tickets/{who.reference}", None,
                               {"Accept": "text/html"})
            if page is not None and name.encode() not in page:
                self.wrong.append(f"{name} was acknowledged and is not on the next page")
            time.sleep(chance.uniform(0, self.pause))

    def read(self, customers, chance):
        """Pages, one after the other."""
        client = self.pair.client()
        while not self.stop.is_set():
            who = chance.choice(customers)
            client.token = who.token
            page = chance.choice(["/portal", f"/portal/tickets/{who.reference}", "/api/v1/portal/tickets"])
            if self.ask(client, 200, "GET", page) is None:
                time.sleep(0.05)
            time.sleep(chance.uniform(0, 0.04))


class Listener:
    """Whoever has a page open: a stream that is opened again when it breaks, with the last place heard."""

    def __init__(self, load, path, headers, place, forgetful=None):
        self.load, self.path, self.headers, self.place = load, path, headers, place
        self.forgetful = forgetful  # where the feed is now: opened there, a stream misses what was between
        self.heard = []             # (place, event, when)
        self.breaks = 0

    def listen(self):
        while not self.load.closed.is_set():
            with contextlib.suppress(OSError, http.client.HTTPException):
                self.stream()
            self.breaks += 1
            self.load.closed.wait(RETRY)
            if self.forgetful:
                self.place = self.forgetful()

    def stream(self):
        """Hears until the stream breaks."""
        connection = http.client.HTTPConnection("127.0.0.1", self.load.pair.port, timeout=rig.PATIENCE)
        connection.request("GET", self.path, headers={**self.headers, "Last-Event-ID": str(self.place)})
        answer = connection.getresponse()
        if answer.status != 200:
            return
        place, event = None, "message"
        while line := answer.readline():
            name, _, value = line.decode().rstrip("\n").partition(": ")
            if name == "id":
                place = int(value)
            elif name == "event":
                event = value
            elif not name:
                if place is not None:
                    self.heard.append((place, event, time.monotonic()))
                    self.place = place
                place, event = None, "message"


def answers(port):
    client = rig.Client(port, timeout=5)
    try:
        return client.ask("GET", "/healthz")[0] == 200
    except rig.Unanswered:
        return False
    finally:
        client.close()


def spawn(work, *arguments):
    thread = threading.Thread(target=work, args=arguments, daemon=True)
    thread.start()
    return thread


def need(*programs):
    """Says plainly what is missing."""
    missing = [name for name in programs if not shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin")]
    if os.geteuid() != 0 or missing:
        raise SystemExit(f"rigs/pair.py needs root and {', '.join(missing or programs)}")


# --- one process of several is killed ---

def killed(asked, verdicts):
    """Two processes, and in the full run three as well."""
    need("haproxy", "psql")
    with rig.postgres() as server, workshop() as folder:
        for count, kills in [(2, 2)] if asked.short else [(2, 14), (3, 5)]:
            with Pair(folder / f"killed{count}", rig.fresh(server), count) as pair:
                kill_and_look(pair.start(), kills, "", random.Random(asked.seed), verdicts)


@contextlib.contextmanager
def workshop():
    folder = tempfile.mkdtemp(prefix="doorkey-rig-pair.")
    os.chmod(folder, 0o711)  # PgBouncer, which is not root, has its own folder in it
    try:
        yield pathlib.Path(folder)
    finally:
        shutil.rmtree(folder)


def kill_and_look(pair, kills, where, chance, verdicts):
    key = pair.processes[0].key()
    customers = rig.customers(pair.processes[0], 40, key)
    load = Load(pair, key)
    audience = Audience(load, customers)
    with load.running(customers, chance):
        kill_again_and_again(pair, load, kills, chance)
    audience.hear_the_rest()
    faults = f"{len(pair.kills)} SIGKILLs of one of {len(pair.processes)} processes{where}"
    tell_replies(load, faults, verdicts)
    tell_errors(pair, load, faults, verdicts)
    audience.tell(faults, verdicts)
    tell_mails(pair, faults, verdicts)
    ends_elsewhere(pair, key, customers, verdicts)


def kill_again_and_again(pair, load, kills, chance):
    """Each process in turn, in another order every time; the others go on. In every other round there is so
    little to tell that who comes back to a stream is told all of it, and need not load the page anew."""
    order = []
    for number in range(kills):
        order = order or chance.sample(range(len(pair.processes)), len(pair.processes))
        at, load.pause = order.pop(), [0.1, 1][number % 2]
        time.sleep(chance.uniform(1.5, 3))
        pair.kill(at)
        time.sleep(chance.uniform(1, 2.5))
        pair.revive(at)
    time.sleep(2)


def tell_replies(load, faults, verdicts):
    stored = {}
    for body, at in load.pair.sql("SELECT body, at FROM entries WHERE kind IN ('note', 'reply')"):
        stored.setdefault(body, []).append(int(at) / 1000)
    told = {body for _, body, _, _ in load.acknowledged}
    lost = told - stored.keys()
    twice = [body for body, times in stored.items() if len(times) > 1]
    # What was stored before it was sent again would have come twice without its key.
    spared = {body for body, when in load.repeated if body in stored and stored[body][0] < when - 0.04}
    verdicts.tell(
        "replies and notes", f"{len(told)} in {load.seconds:.0f} s, each with a key, read back at once",
        faults,
        f"{len(lost)} lost, {len(twice)} stored twice, {len(stored.keys() - told)} stored that nobody was "
        f"told of; {len(load.repeated)} sent again, of them {len(spared)} that were stored already; "
        f"{len(load.wrong)} answers that no fault explains{first_of(load.wrong)}",
        told and not lost and not twice and stored.keys() == told and not load.wrong)


def first_of(found):
    return f": {found[0]}" if found else ""


def tell_errors(pair, load, faults, verdicts):
    """How long requests fail after a kill, and that they fail at no other time."""
    kills = [when for _, when in pair.kills]
    after, stray = [[] for _ in kills], []
    for when, what in load.failures:
        at = bisect.bisect(kills, when) - 1
        if at < 0 or when - kills[at] > SHORT_ERRORS:
            stray.append(what)
        else:
            after[at].append(when - kills[at])
    longest = max(max(it, default=0) for it in after)
    most = max(len(it) for it in after)
    verdicts.tell(
        "errors that clients see", f"{load.requests} requests of 9 clients", faults,
        f"{len(load.failures)} failed, {most} at most after one kill; the last one {longest * 1000:.0f} ms "
        f"after its kill; {len(stray)} at other times{first_of(stray)}", not stray)


class Audience:
    """Everybody who has a page open meanwhile."""

    def __init__(self, load, customers):
        self.load, self.pair = load, load.pair
        cookie = {"Cookie": self.pair.session("dana@rig.example")}
        self.first = first = self.last_number()
        self.desk = [Listener(load, f"/admin/live?after={first}", cookie, first) for _ in range(4)]
        self.forgetful = [Listener(load, f"/admin/live?after={first}", cookie, first, self.last_number)
                          for _ in range(2)]
        self.portal = [Listener(load, f"/portal/tickets/{it.reference}/live",
                                {"Authorization": f"Bearer {it.token}"}, 0) for it in customers[:8]]
        self.references = [it.reference for it in customers[:8]]
        for listener in self.desk + self.forgetful + self.portal:
            spawn(listener.listen)

    def last_number(self):
        found = self.pair.sql("SELECT coalesce(max(number), 0) FROM events WHERE ticket_id IS NOT NULL")
        return int(found[0][0])

    def versions(self):
        known = dict(self.pair.sql("SELECT reference, version FROM tickets"))
        return [int(known[it]) for it in self.references]

    def hear_the_rest(self):
        rig.until("events have numbers", lambda: self.pair.sql("SELECT count(*) FROM event_inbox") == [["0"]])
        caught_up = lambda: (all(it.place >= self.last_number() for it in self.desk)
                             and [it.place for it in self.portal] == self.versions())
        with contextlib.suppress(AssertionError):  # who has not is judged by what was heard
            rig.until("every stream has caught up", caught_up, 30)
        self.load.closed.set()

    def tell(self, faults, verdicts):
        numbers = {int(it) for it, in self.pair.sql(
            f"SELECT number FROM events WHERE number > {self.first} AND ticket_id IS NOT NULL")}
        missed = sum(len(self.missed(it, numbers)) for it in self.desk)
        control = sum(len(self.missed(it, numbers)) for it in self.forgetful)
        reloads = sum(event == "reload" for it in self.desk for _, event, _ in it.heard)
        twice = sum(len(it.heard) - len({place for place, _, _ in it.heard}) for it in self.desk)
        breaks = sum(it.breaks for it in self.desk)
        verdicts.tell(
            "streams of the desk", f"{len(self.desk)} streams, {len(numbers)} events each",
            f"{faults}, {breaks} streams broken",
            f"{missed} events missed, {twice} told twice, {reloads} times told to load the page anew; "
            f"control: streams that do not say what they had missed {control}",
            breaks and not missed and not twice and control)
        behind = sum(it.place != version for it, version in zip(self.portal, self.versions()))
        breaks = sum(it.breaks for it in self.portal)
        late = max(self.delays(), default=0)
        verdicts.tell(
            "streams of the portal", f"{len(self.portal)} streams of a ticket each",
            f"{faults}, {breaks} streams broken",
            f"{behind} behind at the end; a change was told {late:.1f} s after it was sent at most",
            breaks and not behind)

    @staticmethod
    def missed(listener, numbers):
        """Events that were neither told nor before a word to load the page anew."""
        told = {place for place, event, _ in listener.heard if event == "ticket"}
        before, covered = min(numbers) - 1, set()
        for place, event, _ in listener.heard:
            if event == "reload":
                covered |= set(range(before + 1, place + 1))
            before = place
        return numbers - told - covered

    def delays(self):
        """Seconds from the sending of each change to the next word about its ticket."""
        for reference, listener in zip(self.references, self.portal):
            heard = [when for _, _, when in listener.heard]
            for who, _, sent, _ in self.load.acknowledged:
                at = bisect.bisect(heard, sent)
                if who.reference == reference and at < len(heard):
                    yield heard[at] - sent


def ends_elsewhere(pair, key, customers, verdicts):
    """What is ended through one process is over in another: asked again until it is."""
    rounds, longest, streams = 0, 0.0, 0.0
    for at, who in enumerate(customers):
        here, there = pair.processes[at % 2], pair.processes[(at + 1) % 2]
        program, visitor = here.client(key), there.client(who.token)
        visitor.expect(200, "GET", "/portal", None, {"Accept": "text/html"})  # shown, and kept
        stream = open_stream(there, who)
        if at % 4 < 2:
            program.expect(200, "PATCH", f"/api/v1/customers/{who.id}", {"active": False})
        else:
            program.expect(204, "DELETE", f"/api/v1/customers/{who.id}/links")
        begun = time.monotonic()
        rig.until("the end of access counts", lambda: visitor.ask(
            "GET", "/portal", None, {"Accept": "text/html"})[0] == 401)
        longest = max(longest, time.monotonic() - begun)
        while stream.readline():
            pass
        streams = max(streams, time.monotonic() - begun)
        rounds += 1
    key_over = key_ends(pair)
    verdicts.tell(
        "access that is ended in another process",
        f"{rounds} customers made inactive or their links revoked, an API key revoked", "none",
        f"a page is refused {longest * 1000:.0f} ms after the answer at most, the key after "
        f"{key_over * 1000:.0f} ms; an open stream ends after {streams * 1000:.0f} ms at most",
        longest < ENDS_WITHIN and key_over < ENDS_WITHIN)


def open_stream(process, who):
    connection = http.client.HTTPConnection("127.0.0.1", process.port, timeout=rig.PATIENCE)
    connection.request("GET", f"/portal/tickets/{who.reference}/live",
                       headers={"Authorization": f"Bearer {who.token}"})
    answer = connection.getresponse()
    if answer.status != 200:
        raise AssertionError(f"a stream: {answer.status}")
    return answer


def key_ends(pair):
    """Seconds until a key that the command line revoked opens nothing."""
    here, there = pair.processes[:2]
    key = here.key(name="To be revoked")
    client = there.client(key)
    client.expect(200, "GET", "/api/v1/staff")
    here.command("api-key", "revoke", "To be revoked")
    begun = time.monotonic()
    rig.until("the key is over", lambda: client.ask("GET", "/api/v1/staff")[0] == 401)
    return time.monotonic() - begun


def tell_mails(pair, faults, verdicts):
    """Every mail came; twice only what a killed process had under way, under one Message-ID."""
    rig.until("every mail is sent", lambda: pair.sql(
        "SELECT count(*) FROM outbox WHERE state = 'queued'") == [["0"]], LEASE + 2 * rig.PATIENCE)
    arrived = {}
    for mail in pair.mail.arrived():
        arrived.setdefault(mail.message_id.split("@")[0], []).append((mail.arrived, mail.way))
    expected = {name for name, in pair.sql("SELECT message_id FROM outbox WHERE state = 'sent'")}
    others = pair.sql("SELECT count(*) FROM outbox WHERE state <> 'sent'")[0][0]
    twice = [times for times in arrived.values() if len(times) > 1]
    # Under way: taken from the process at most a moment before it was killed, and again after the lease.
    excused = [times for times in twice if times[1][0] - times[0][0] > LEASE - 5 and any(
        at == times[0][1] and abs(when - times[0][0]) < 2 for at, when in pair.kills)]
    both = sum(len({at for _, at in times}) > 1 for times in twice)
    shares = ", ".join(str(sum(mail.way == at for mail in pair.mail.arrived()))
                       for at in range(len(pair.processes)))
    verdicts.tell(
        "mails", f"{len(expected)} mails, by process {shares}", faults,
        f"{len(expected - arrived.keys())} missing, {others} failed; {len(twice)} came twice with one "
        f"Message-ID ({both} by two processes), of them {len(excused)} under way in a process as it was "
        f"killed; {len(pair.mail.overlaps)} people to whom two mails were under way at a time",
        expected and expected == arrived.keys() and others == "0" and not pair.mail.overlaps
        and len(excused) == len(twice)
        and len(twice) <= MAIL_WORKERS * len(pair.kills) and all(len(times) == 2 for times in twice))


# --- a pooler between Doorkey and PostgreSQL ---

def pooler(asked, verdicts):
    """PgBouncer: session pooling works; transaction pooling does not, and is refused."""
    need("haproxy", "pgbouncer", "psql")
    chance = random.Random(asked.seed)
    with rig.postgres() as server, workshop() as folder:
        database = rig.fresh(server)
        with Pooler(folder, database, "session") as between, \
                Pair(folder / "session", database, 2, between.url) as pair:
            if asked.short:
                session_pooling(pair.start(), chance, verdicts)
            else:
                kill_and_look(pair.start(), 3, ", PgBouncer with session pooling", chance, verdicts)
        database = rig.fresh(server)
        rig.Doorkey(folder / "first", database).command("migrate")
        with Pooler(folder, database, "transaction") as between:
            transaction_pooling(rig.Doorkey(folder / "transaction", between.url), verdicts)


def session_pooling(pair, chance, verdicts):
    key = pair.processes[0].key()
    customers = rig.customers(pair.processes[0], 40, key)
    load = Load(pair, key)
    with load.running(customers, chance):
        time.sleep(4)
    tell_replies(load, "none; PgBouncer with session pooling, 2 processes", verdicts)


def transaction_pooling(doorkey, verdicts):
    """Statements that one process prepares in a session of PostgreSQL would be in the way of another's, so
    it does not start, and says why."""
    with doorkey:
        code = doorkey.start(wait=False).process.wait(timeout=rig.PATIENCE)
        told = doorkey.last_words()
    verdicts.tell("transaction pooling is refused", "one start", "none; PgBouncer with transaction pooling",
                  f"ended with {code}; says why: {'pool_mode = session' in told}",
                  code != 0 and "pool_mode = session" in told)


# --- what a second process gives ---

def throughput(asked, verdicts):
    """Pages, replies and mails with one process and with two, and whose work they are."""
    if asked.short:
        return
    need("haproxy", "psql", "wrk")
    sys.path.insert(0, str(rig.ROOT / "bench"))
    import data
    with rig.postgres() as server, workshop() as folder:
        file, targets = data.prepare(data.doorkey_command(rig.BINARY), folder / "data", 20_000)
        database = rig.fresh(server)
        rig.Doorkey(folder / "copy", database).command("copy", "--from", f"sqlite:{file}")
        rig.sql(database, "VACUUM ANALYZE")
        for engine, url, count in [("SQLite", f"sqlite:{file}", 1), ("PostgreSQL", database, 2)]:
            with Pair(folder / engine, url, count, settings=QUIET, mail_takes="delay 0") as pair:
                meter = Meter(pair.start(), server)
                alone = Proxy(folder, rig.free_port(), pair.processes[:1])
                ways = {"one process": pair.enter_context(alone)}
                rig.until("the other proxy answers", lambda: answers(alone.port))
                if count > 1:
                    ways["two processes"] = pair.proxy
                for kind, requests in kinds(targets).items():
                    measured(meter, engine, kind, requests, ways, verdicts)
                mailed(meter, engine, targets, verdicts)
                idle(meter, engine, verdicts)


def kinds(targets):
    """What is asked for."""
    import scenarios
    small = [(token, f"/portal/tickets/{reference}") for token, _, _, reference in targets["small"]]
    return {
        "lists": [scenarios.request("/portal", scenarios.bearer(token)) for token, _ in targets["readers"]],
        "tickets": [scenarios.request(path, scenarios.bearer(token)) for token, path in small],
        "replies": scenarios.replies(targets),
    }


class Meter:
    """Whose seconds of a core they were."""

    def __init__(self, pair, server):
        self.pair, self.server = pair, server
        folder = rig.sql(server, "SHOW data_directory")[0][0]
        self.postmaster = int(pathlib.Path(folder, "postmaster.pid").read_text().split()[0])

    def now(self, proxy):
        doorkey = sum(used(it.process.pid)[0] for it in self.pair.processes)
        return [doorkey, self.postgres(), used(proxy.process.pid)[0]]

    def postgres(self):
        """Its main process with all its children, those that have ended included."""
        seconds = sum(used(self.postmaster)[:2])
        for stat in pathlib.Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                own, _, parent = used(stat.name)
                seconds += own if parent == self.postmaster else 0
        return seconds

    @contextlib.contextmanager
    def over(self, proxy):
        """The seconds that it took doorkey, postgres and haproxy."""
        spent, before = [], self.now(proxy)
        yield spent
        spent += [after - begun for after, begun in zip(self.now(proxy), before)]


def used(process):
    """Seconds of a core: its own, those of its children that have ended; and who its parent is."""
    fields = pathlib.Path(f"/proc/{process}/stat").read_text().rsplit(")")[-1].split()
    ticks = [int(it) for it in fields[11:15]]
    return (ticks[0] + ticks[1]) / TICK, (ticks[2] + ticks[3]) / TICK, int(fields[1])


def each(spent, count):
    """In words: microseconds of a core for each of so many."""
    return ", ".join(f"{name} {seconds / count * 1e6:.0f} µs"
                     for name, seconds in zip(("doorkey", "PostgreSQL", "HAProxy"), spent) if seconds)


def measured(meter, engine, kind, requests, ways, verdicts):
    """How many a second, as fast as they are answered. One process and two take turns, since the machine is
    never the same for long."""
    sums = {name: [0, 0.0, [0.0, 0.0, 0.0]] for name in ways}
    failed = 0
    for turn in range(TURNS + 1):
        for name, proxy in ways.items():
            with meter.over(proxy) as spent:
                result = wrk(proxy.port, requests, 3)
            failed += result["failed"] + result["refused"]
            if turn:  # the first warms up
                sums[name][0] += result["requests"]
                sums[name][1] += result["seconds"]
                sums[name][2] = [old + new for old, new in zip(sums[name][2], spent)]
    rates = {name: count / seconds for name, (count, seconds, _) in sums.items()}
    for name, (count, _, spent) in sums.items():
        ratio = f" ({rates[name] / rates['one process']:.2f} of one)" if name != "one process" else ""
        verdicts.tell(f"{kind} on {engine}, {name}", f"32 clients, {TURNS} times 3 s", "none",
                      f"{rates[name]:.0f} a second{ratio}; CPU each: {each(spent, count)}", not failed)


def wrk(port, requests, seconds):
    with tempfile.NamedTemporaryFile("w", suffix=".tsv") as file:
        file.write("\n".join(requests) + "\n")
        file.flush()
        done = subprocess.run(
            ["wrk", "-t", "2", "-c", "32", "-d", f"{seconds}s", "--timeout", "10s", "-s",
             rig.ROOT / "bench/wrk.lua", f"http://127.0.0.1:{port}", "--", file.name],
            check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def mailed(meter, engine, targets, verdicts):
    """What it takes to hand over mails that wait."""
    pair, notes = meter.pair, 1_500
    program = pair.client(pair.processes[0].key())
    pair.mail.hold("greeting")
    for _, _, reference in itertools.islice(itertools.cycle(targets["writers"]), notes):
        program.expect(201, "POST", f"/api/v1/tickets/{reference}/notes",
                       {"body": "We come.", "visibility": "public"})
    before = len(pair.mail.arrived())
    with meter.over(meter.pair.proxy) as spent:
        begun = time.monotonic()
        pair.mail.release()
        rig.until("mails are handed over", lambda: len(pair.mail.arrived()) - before >= notes - 8,
                  5 * rig.PATIENCE)
        seconds = time.monotonic() - begun
    count = len(pair.mail.arrived()) - before
    verdicts.tell(f"mails on {engine}, {len(pair.processes)} process(es)", f"{count} that waited", "none",
                  f"{count / seconds:.0f} a second; CPU each: {each(spent, count)}", count)


def idle(meter, engine, verdicts):
    """What a process does when nobody asks for anything."""
    time.sleep(2)
    with meter.over(meter.pair.proxy) as spent:
        time.sleep(15)
    shares = ", ".join(f"{name} {seconds / 15 * 100:.1f} % of a core"
                       for name, seconds in zip(("doorkey", "PostgreSQL"), spent))
    count = len(meter.pair.processes)
    verdicts.tell(f"nothing to do on {engine}, {count} process(es)", "15 s", "none", shares, True)


TESTS = {"killed": killed, "pooler": pooler, "throughput": throughput}

if __name__ == "__main__":
    rig.main(__doc__, TESTS)
