"""Very many clients, and more requests than are answered at a time."""

import contextlib
import multiprocessing
import os
import re
import selectors
import sqlite3
import statistics
import time

import rig
from edge_doors import (Others, code, connect, exchange, from_address, hold_write_lock, is_put_off,
                        percentile, served)


# Very many clients.

class Crowd:
    """Half-sent requests from many addresses, kept up in a process of its own: who is let go comes back."""

    def __init__(self, port, count, addresses, comes_back):
        self.port, self.count, self.addresses, self.comes_back = port, count, addresses, comes_back
        self.is_there, self.leaves = multiprocessing.Event(), multiprocessing.Event()
        self.told = multiprocessing.Queue()
        self.process = multiprocessing.Process(target=self.go_on)
        self.selector = None
        self.open = self.made = self.put_off = self.hung_up = self.other = 0
        self.most = 0

    def __enter__(self):
        self.process.start()
        assert self.is_there.wait(rig.PATIENCE), "the crowd does not come together"
        return self

    def __exit__(self, *_):
        self.leaves.set()
        self.made, self.most, self.put_off, self.hung_up, self.other = self.told.get(timeout=rig.PATIENCE)
        self.process.join()

    def go_on(self):
        # What is measured is what they do to the server, and not that they need a processor themselves.
        os.nice(10)
        self.selector = selectors.EpollSelector()
        while not self.leaves.is_set():
            missing = self.count - self.open if self.comes_back else self.count - self.made
            for _ in range(min(missing, 500)):
                self.come()
            self.hear(0.0 if missing > 0 else 0.05)
            self.most = max(self.most, self.open)
            if self.made >= self.count:
                self.is_there.set()
        self.told.put((self.made, self.most, self.put_off, self.hung_up, self.other))

    def come(self):
        client = connect(self.port, self.addresses[self.made % len(self.addresses)])
        client.setblocking(False)
        with contextlib.suppress(OSError):
            client.send(b"GET /portal HTTP/1.1\r\nhost: localhost\r\nx-half: ")
        self.selector.register(client, selectors.EVENT_READ)
        self.made += 1
        self.open += 1

    def hear(self, patience):
        for key, _ in self.selector.select(patience):
            try:
                answer = key.fileobj.recv(4096)
            except OSError:
                answer = b""
            if is_put_off(answer):
                self.put_off += 1
            elif code(answer) in (0, 408):  # the timer for a head ends it, with or without a word
                self.hung_up += 1
            else:
                self.other += 1
            self.selector.unregister(key.fileobj)
            key.fileobj.close()
            self.open -= 1


def crowd(asked, verdicts):
    """10,000 slow connections: from one address most are refused; from many they cost a bounded piece."""
    with served() as server:
        rig.customers(server, 1)
        crowd_of_one(asked, server, verdicts)
        crowd_of_many(asked, server, verdicts)
        if not asked.short:
            crowd_over_the_cap(server, verdicts)


def measured(server, seconds):
    """The times of somebody else who asks for a page, again and again."""
    with Others(server, pause=0.005) as others:
        time.sleep(seconds)
    return others


def crowd_of_one(asked, server, verdicts):
    count = 1_000 if asked.short else 10_000
    files = server.files()
    with Crowd(server.port, count, [from_address(0)], comes_back=False) as one:
        others = measured(server, 2)
        neighbour = exchange(server.port, b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
                             from_address(1))
        taken = server.files() - files
        # All that are let in are let go before they are counted.
        rig.until("the slow are let go", lambda: server.files() <= files + 2)
    bounded = one.hung_up <= 256 + 2 and taken <= 256 + 8
    holds = (one.put_off + one.hung_up == count and one.other == 0 and bounded and others.are_served()
             and code(neighbour) == 200)
    verdicts.tell("crowd from one address", f"{count} half-sent requests at a time", "none",
                  f"{one.put_off} told 503 with Retry-After, {one.hung_up} let in (cap 256) and let go, "
                  f"files +{taken}; another address {code(neighbour)}; {others}", holds)


def crowd_of_many(asked, server, verdicts):
    count, seconds = (2_000, 3) if asked.short else (9_900, 30)
    alone = measured(server, 2 if asked.short else 10)
    before, files = server.memory(), server.files()
    addresses = [from_address(number) for number in range(2, 50)]
    server.forget()
    with Crowd(server.port, count, addresses, comes_back=True) as many:
        others = measured(server, seconds)
        taken, grown = server.files() - files, server.memory("VmHWM") - before
    rig.until("files are given back", lambda: server.files() <= files + 2)
    usual, amid = percentile(alone.times, 0.99), percentile(others.times, 0.99)
    quick = asked.short or amid <= 2 * usual
    bounded = taken <= count + 300 and grown * 1024 / count < 32
    holds = quick and bounded and others.are_served() and many.put_off == many.other == 0
    verdicts.tell("crowd from many addresses", f"{many.most} slow connections kept up, {many.made} in all",
                  "none", f"{many.put_off} refused, files +{taken}, memory +{grown:.1f} MiB "
                  f"({grown * 1024 / count:.1f} KiB each), normal p99 {usual * 1e3:.1f} ms alone and "
                  f"{amid * 1e3:.1f} ms amid them; {others}", holds)


def crowd_over_the_cap(server, verdicts):
    """More than there are places at all: the rest is refused, and nobody is once they are gone."""
    files, count = server.files(), 11_500
    addresses = [from_address(number) for number in range(50, 110)]
    with Crowd(server.port, count, addresses, comes_back=False) as many:
        taken = server.files() - files
        rig.until("the slow are let go", lambda: server.files() <= files + 2)
    after = measured(server, 1)
    refused = many.put_off
    holds = taken <= 11_000 + 8 and refused >= count - 10_000 and many.other == 0 and after.are_served()
    verdicts.tell("crowd over the cap", f"{count} half-sent requests at a time", "none",
                  f"{refused} told 503 with Retry-After, files +{taken} (10,000 and 1,000 being told); "
                  f"afterwards {after}", holds)


# More requests than are answered at a time.

PLACES = 512  # requests being answered at a time, docs/OPERATIONS.md
REPLY = (b"POST /api/v1/portal/tickets/%s/replies HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer %s\r\n"
         b"content-type: application/json\r\ncontent-length: %d\r\n\r\n%s")
LIST = (b"GET /api/v1/portal/tickets?q=beeps HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer %s\r\n\r\n")


class Load:
    """Clients that ask as soon as they were answered; who is told to come again waits as long as was said."""

    def __init__(self, port, clients, requests, seconds):
        self.port, self.requests, self.seconds = port, requests, seconds
        self.clients = [{"number": number, "turn": 0, "next": 0.0, "asked": None}
                        for number in range(clients)]
        self.results = {}  # status: times
        self.broken = self.without_word = 0
        self.selector = selectors.EpollSelector()

    def run(self):
        for client in self.clients:
            client["socket"] = connect(self.port)
            client["socket"].setblocking(False)
            self.selector.register(client["socket"], selectors.EVENT_READ, client)
        ends = time.monotonic() + self.seconds
        patience = ends + rig.PATIENCE
        asking = True
        while time.monotonic() < patience and (asking or any(one["asked"] for one in self.clients)):
            now = time.monotonic()
            asking = now < ends
            if asking:
                for client in self.clients:
                    if client["asked"] is None and client["next"] <= now:
                        self.ask(client)
            for key, _ in self.selector.select(0.01):
                self.hear(key.data)
        hanging = sum(one["asked"] is not None for one in self.clients)
        return self.results, self.broken, self.without_word, hanging

    def ask(self, client):
        client["turn"] += 1
        client["answer"] = b""
        try:
            client["socket"].send(self.requests(client["number"], client["turn"]))
            client["asked"] = time.monotonic()
        except OSError:
            self.again(client)

    def hear(self, client):
        try:
            more = client["socket"].recv(65536)
        except OSError:
            more = b""
        if not more:
            self.again(client)
            return
        client["answer"] += more
        head, found, body = client["answer"].partition(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head)
        if not found or length and len(body) < int(length[1]):
            return
        status, now = code(head), time.monotonic()
        self.results.setdefault(status, []).append(now - client["asked"])
        wait = re.search(rb"retry-after: (\d+)", head)
        self.without_word += status == 503 and not wait
        client["asked"] = None
        client["next"] = now + (int(wait[1]) if wait else 0)

    def again(self, client):
        """A connection that was closed between two requests is made anew; within one, it is a fault."""
        self.broken += client["asked"] is not None
        client["asked"] = None
        self.selector.unregister(client["socket"])
        client["socket"].close()
        client["socket"] = connect(self.port)
        client["socket"].setblocking(False)
        self.selector.register(client["socket"], selectors.EVENT_READ, client)


def beside(function):
    """Runs it in a process of its own, so that it holds nobody up here; what waits for its result."""
    told = multiprocessing.Queue()
    process = multiprocessing.Process(target=lambda: told.put(function()))
    process.start()

    def result():
        found = told.get(timeout=10 * rig.PATIENCE)
        process.join()
        return found
    return result


def customers_requests(customers, share_of_replies):
    """What each client asks in each turn: their own list, or a reply that is there once."""
    def request(number, turn):
        customer = customers[number % len(customers)]
        token = customer.token.encode()
        if (number + turn) % share_of_replies:
            return LIST % token
        body = b'{"body": "Reply %d of %d"}' % (turn, number)
        return REPLY % (customer.reference.encode(), token, len(body), body)
    return request


def saturation(asked, verdicts):
    """Twice as many clients as are answered at a time: the rest is told at once to come again."""
    with served() as server:
        everybody = rig.customers(server, 20 if asked.short else 200)
        piled_up(server, everybody, verdicts)
        if not asked.short:
            saturated(server, everybody, verdicts)


def saturating(server, customers, share_of_replies, seconds):
    """The load's results, with health asked meanwhile and what was stored afterwards."""
    stored = replies_stored(server)
    result = beside(lambda: Load(server.port, 2 * PLACES, customers_requests(customers, share_of_replies),
                                 seconds).run())
    with Others(server, "/healthz") as health:
        results, broken, without_word, hanging = result()
    sound = (not broken and not without_word and not hanging and set(results) <= {200, 201, 503}
             and replies_stored(server) - stored == len(results.get(201, [])) and health.are_served())
    counts = ", ".join(f"{len(times)} x {status}" for status, times in sorted(results.items()))
    stored = replies_stored(server) - stored
    return results, sound, (f"{counts}; {broken} broken, {hanging} hanging, {without_word} without "
                            f"Retry-After, {stored} replies stored; health: {health}")


def replies_stored(server):
    with contextlib.closing(sqlite3.connect(server.database, timeout=30)) as database:
        return database.execute("SELECT count(*) FROM entries WHERE body LIKE 'Reply %'").fetchone()[0]


def piled_up(server, customers, verdicts):
    """Replies that wait for the database take every place: what happens to the rest depends on no machine."""
    locked = multiprocessing.Event()
    locker = multiprocessing.Process(target=hold_write_lock, args=(server.database, 4.0, locked))
    locker.start()
    locked.wait()
    results, sound, told = saturating(server, customers, 1, 1.0)
    locker.join()
    refused, answered = results.get(503, []), results.get(201, [])
    # Who is refused is told so while the others wait for the lock.
    at_once = refused and answered and statistics.median(refused) < statistics.median(answered)
    holds = sound and len(refused) >= PLACES and len(answered) >= PLACES and at_once
    medians = " and ".join(f"{statistics.median(times or [0]) * 1e3:.0f} ms" for times in (refused, answered))
    verdicts.tell("saturation: all places taken", f"{2 * PLACES} clients reply at the same time",
                  "another process holds the write lock for 4 s",
                  f"{told}; medians of 503 and 201: {medians}", holds)


def saturated(server, customers, verdicts):
    """The same without a fault: readers and writers are more than this machine serves. The clients are as
    busy as the server, so its log says how long it took; what a client sees is told beside it."""
    begun = (server.folder / "log").stat().st_size
    results, sound, told = saturating(server, customers, 4, 30.0)
    seen = [time for status in (200, 201) for time in results.get(status, [])]
    with open(server.folder / "log", "rb") as log:
        log.seek(begun)
        took = re.findall(rb'"status":(\d+),"duration_ms":(\d+)', log.read())
    accepted = percentile([int(time) for status, time in took if status in (b"200", b"201")], 0.99)
    refused = percentile([int(time) for status, time in took if status == b"503"] or [0], 0.99)
    holds = sound and accepted <= 250 and refused <= 10
    verdicts.tell("saturation: 2x", f"{2 * PLACES} clients for 30 s, a quarter of the requests replies",
                  "none", f"{told}; p99 of what is accepted {accepted} ms in the server (gate 250) and "
                  f"{percentile(seen, 0.99) * 1e3:.0f} ms at a client, of 503 {refused} ms (gate 10)", holds)
