"""Clients that are slow, silent or greedy, or that do not read."""

import concurrent.futures
import contextlib
import re
import selectors
import socket
import ssl
import threading
import time

import http2
import rig
from edge_doors import (HOST, MIB, EncryptedServer, Others, Server, code, connect, from_address, served,
                        warm_up)

# What a busy machine may add to a timer.
SLACK = 0.5


# Slow clients.

class Slow:
    """A client that takes its time: what it says at once, and what then at which interval, or only once."""

    def __init__(self, name, gate, client, first=b"", drip=b"", every=1.0, once=False):
        self.name, self.gate, self.client, self.drip, self.every = name, gate, client, drip, every
        self.once = once
        client.settimeout(rig.PATIENCE)
        if first:
            client.sendall(first)
        self.begun = time.monotonic()
        self.next = self.begun + every
        self.answer = b""
        self.lasted = None
        client.setblocking(False)

    def speak(self, now):
        if self.drip and now >= self.next and self.lasted is None:
            self.next += self.every
            with contextlib.suppress(OSError):
                self.client.send(self.drip)
            if self.once:
                self.drip, self.begun = b"", now

    def hear(self):
        """Reads what there is; the end is noted."""
        try:
            while more := self.client.recv(65536):
                self.answer += more
                self.pong()
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            if not self.is_over():
                return
        except OSError:
            pass
        self.lasted = time.monotonic() - self.begun
        self.client.close()

    def pong(self):
        """A client of HTTP/1.1 is asked nothing."""

    def is_over(self):
        """Whether it was let go although the connection lives."""
        return False


class SlowHttp2(Slow):
    """One that answers when the server asks whether it is there, as every library does by itself."""

    def pong(self):
        asked = http2.frame(http2.PING, payload=bytes(8))[:9]
        while (at := self.answer.find(asked)) >= 0 and len(self.answer) >= at + 17:
            opaque = self.answer[at + 9:at + 17]
            self.answer = self.answer[:at] + self.answer[at + 17:]
            with contextlib.suppress(OSError):
                self.client.send(http2.frame(http2.PING, http2.ACK, 0, opaque))


class SlowHttp2Body(SlowHttp2):
    """One whose request is given up, and not the connection, which others may share."""

    def is_over(self):
        return re.search(rb"\x01[\x04\x05]\x00\x00\x00\x01", self.answer) is not None


def watch(slow, control, patience):
    """Lets all of them take their time until the last is let go, or nobody should have to wait longer."""
    ends = time.monotonic() + patience
    with selectors.DefaultSelector() as selector:
        for one in [*slow, control]:
            selector.register(one.client, selectors.EVENT_READ, one)
        while len(selector.get_map()) > 1 and time.monotonic() < ends:
            for key, _ in selector.select(0.05):
                client = key.data.client
                key.data.hear()
                if key.data.lasted is not None:
                    selector.unregister(key.fileobj)
            now = time.monotonic()
            for one in slow:
                one.speak(now)


TICKET = b"POST /api/v1/portal/links HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"


def slow_over_http1(port, number):
    """One of each kind that §"Limits" of docs/OPERATIONS.md lets go."""
    source = from_address(number)
    return [
        Slow("silent", 10, connect(port, source)),
        Slow("half a head", 10, connect(port, source), b"GET / HTTP/1.1\r\nhost: x\r\n"),
        Slow("a header line each 5 s", 10, connect(port, source), b"GET / HTTP/1.1\r\n", b"x: y\r\n", 5),
        Slow("a byte of the head each 0.5 s", 10, connect(port, source), b"GET /", b"a", 0.5),
        Slow("idle after an answer", 60, connect(port, source), b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n"),
        Slow("body at 1 byte/s", 30, connect(port, source), TICKET + b"content-length: 1000\r\n\r\n{", b" "),
        Slow("body in chunks of 1 byte/s", 30, connect(port, source),
             TICKET + b"transfer-encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
    ]


def slow_over_tls(port, number):
    """The same, and what TLS and HTTP/2 add."""
    source = from_address(number)

    def http1():
        return http2.encrypted(port, HOST, ["http/1.1"], source)

    def http_2():
        return http2.encrypted(port, HOST, ["h2"], source)

    begin = http2.PREFACE + http2.frame(http2.SETTINGS) + http2.frame(http2.SETTINGS, http2.ACK)
    opened = begin + http2.request(1, "/api/v1/portal/links", "POST", http2.END_HEADERS,
                                   http2.field("content-type", "application/json"))
    return [
        Slow("silent before the handshake", 10, connect(port, source)),
        Slow("half a handshake", 10, connect(port, source), b"\x16\x03\x01\x02\x00\x01\x00"),
        Slow("silent after the handshake", 10, http1()),
        Slow("half a head, encrypted", 10, http1(), b"GET / HTTP/1.1\r\n", b"x: y\r\n", 5),
        SlowHttp2("HTTP/2: silent", 10, http_2()),
        SlowHttp2("HTTP/2: without a request", 10, http_2(), begin),
        SlowHttp2("HTTP/2: half a head", 10, http_2(),
                  begin + http2.request(1, flags=http2.END_STREAM)),
        SlowHttp2("HTTP/2: idle after an answer", 60, http_2(), begin + http2.request(1)),
        SlowHttp2("HTTP/2: idle after a later answer", 60, http_2(), begin + http2.request(1),
                  http2.request(3), 12, once=True),
        SlowHttp2Body("HTTP/2: body at 1 byte/s", 30, http_2(), opened,
                      http2.frame(http2.DATA, 0, 1, b" ")),
    ]


def slow(asked, verdicts):
    """Who is slow or silent is let go in time. A listener without timers shows that this can be seen."""
    count, patience = (3, 60) if asked.short else (30, 150)
    never = socket.create_server(("127.0.0.1", 0))
    with served() as plain, served(EncryptedServer) as encrypted, never:
        control = Slow("control", 0, connect(never.getsockname()[1]), b"GET / HTTP/1.1\r\n")
        held = [one for number in range(count) for one in slow_over_http1(plain.port, number)]
        held += [one for number in range(count) for one in slow_over_tls(encrypted.port, number)]
        if asked.short:
            # The others take half a minute and more.
            held = [one for one in held if one.gate == 10]
        with Others(plain) as others:
            watch(held, control, patience)
    for name in dict.fromkeys(one.name for one in held):
        same = [one for one in held if one.name == name]
        gate = same[0].gate
        open_still = sum(one.lasted is None for one in same)
        longest = max((one.lasted for one in same if one.lasted), default=0)
        result = f"let go after {longest:.2f} s at most" if not open_still else f"{open_still} still open"
        # How soon depends on the machine; the short run only asks whether.
        holds = not open_still and (asked.short or longest <= gate + SLACK)
        verdicts.tell(f"slow: {name}", f"{count} connections", "none", f"{result}; gate {gate} s", holds)
    verdicts.tell("slow: others", "1 client", f"{len(held)} slow ones", str(others), others.are_served())
    verdicts.tell("slow: control", "1 connection", "a listener without timers", "still open, as it must be",
                  control.lasted is None)


# Clients that do not read.

def unread(asked, verdicts):
    """Who asks for much and reads nothing of it is let go, too."""
    if asked.short:
        return  # It takes longer than a minute; that memory stays bounded is shown by `http2`.
    for kind, hold in ((Server, unread_http1), (EncryptedServer, unread_http2)):
        with served(kind) as server:
            warm_up(server)
            before, files = server.memory(), server.files()
            server.forget()
            ended = threading.Event()
            begun = time.monotonic()
            holders = [threading.Thread(target=hold, args=(server.port, ended)) for _ in range(10)]
            for holder in holders:
                holder.start()
            rig.until("they are connected", lambda: server.files() >= files + len(holders))
            while server.files() > files + 2 and time.monotonic() - begun < 100:
                time.sleep(0.1)
            lasted, held = time.monotonic() - begun, max(0, server.files() - files)
            ended.set()
            for holder in holders:
                holder.join()
            grown = server.memory("VmHWM") - before
        name = "HTTP" if kind is Server else "HTTP/2"
        told = f"let go after {lasted:.1f} s at most"
        if held > 2:
            told = f"{held} held still after {lasted:.0f} s"
        verdicts.tell(f"unread answers ({name})", "10 connections that read nothing", "none",
                      f"{told} (gate 60), memory +{grown:.1f} MiB (gate 20)",
                      held <= 2 and lasted <= 60 and grown < 20)


def unread_http1(port, ended):
    client = socket.socket()
    # Little of the answer fits between server and client.
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.connect(("127.0.0.1", port))
    with client, contextlib.suppress(OSError):
        client.sendall(b"GET /api/docs HTTP/1.1\r\nhost: x\r\n\r\n" * 50)
        ended.wait()


def unread_http2(port, ended):
    """One that says it is there whenever it is asked, and has no window for an answer."""
    connection = http2.Connection(port, ((http2.INITIAL_WINDOW_SIZE, 0),))
    connection.send(b"".join(http2.request(number, "/api/docs") for number in range(1, 17, 2)))
    while not ended.is_set() and not connection.closed:
        connection.pongs(0.2)
    connection.close()


# Greedy clients.

def flood(client, first, more, limit=1024 * MIB, patience=20.0):
    """Sends until the server ends it, or a GB is out; the answer and the bytes sent."""
    client.settimeout(patience)
    sent, answer = 0, b""
    try:
        client.sendall(first)
        while sent < limit:
            sent += client.send(more[sent % len(more):])
    except OSError:
        pass
    with contextlib.suppress(OSError):
        # What was answered can still be read, unless the server's end came as a reset.
        answer = client.recv(65536)
    client.close()
    return answer, sent


def greedy_requests():
    """What asks for too much: its first bytes, what follows without end, and what is to be answered."""
    chunk = b"8000\r\n" + b"x" * 0x8000 + b"\r\n"
    many = b"".join(b"x-%d: y\r\n" % number for number in range(100))
    get = b"GET /healthz HTTP/1.1\r\nhost: x\r\n"
    return {
        "a body of 1 GB, announced": (TICKET + b"content-length: 1073741824\r\n\r\n", b"x" * 65536, {413}),
        "chunks without end": (TICKET + b"transfer-encoding: chunked\r\n\r\n", chunk, {413}),
        "101 headers": (get + many + b"\r\n", b"", {431}),
        "a header of 64 KB": (get + b"x: " + b"y" * 65536 + b"\r\n\r\n", b"", {431}),
        "headers without end": (get, b"x-more: " + b"y" * 500 + b"\r\n", {431}),
        "a path without end": (b"GET /", b"a" * 65536, {414, 431}),
        "one chunk's extension without end":
            (TICKET + b"transfer-encoding: chunked\r\n\r\n1;x=", b"y" * 65536, {400, 413}),
    }


def greedy(asked, verdicts):
    """Who sends too much is told so, and what they send is not kept."""
    count = 8 if asked.short else 100
    for kind in (Server, EncryptedServer):
        with served(kind) as server, Others(server) as others:
            for name, (first, more, expected) in greedy_requests().items():
                greedy_clients(server, name, count, first, more, expected, verdicts)
        verdicts.tell(f"greedy: others ({kind.__name__})", "1 client", "all of these", str(others),
                      others.are_served())


def greedy_clients(server, name, count, first, more, expected, verdicts):
    """So many at a time, after one that warmed up what every request needs."""
    def one():
        if isinstance(server, EncryptedServer):
            client = http2.encrypted(server.port, HOST, ["http/1.1"])
        else:
            client = connect(server.port, HOST)
        if more:
            return flood(client, first, more)
        with client:
            with contextlib.suppress(OSError):
                client.sendall(first)
            return read_some(client), len(first)
    one()
    before = server.memory()
    server.forget()
    with concurrent.futures.ThreadPoolExecutor(count) as pool:
        done = [task.result() for task in [pool.submit(one) for _ in range(count)]]
    grown = server.memory("VmHWM") - before
    codes = sorted({code(answer) for answer, _ in done})
    # A client that goes on sending may find its connection reset before it reads.
    answered = set(codes) <= expected | ({0} if more else set()) and codes != [0]
    sent = max(sent for _, sent in done)
    kind = "HTTPS" if isinstance(server, EncryptedServer) else "HTTP"
    verdicts.tell(f"greedy: {name} ({kind})", f"{count} clients at a time", "none",
                  f"answers {codes}, {sent / MIB:.2f} MiB sent at most, memory +{grown:.1f} MiB; gate 10",
                  answered and grown < 10 and sent < 64 * MIB)


def read_some(client):
    """The first of an answer."""
    with contextlib.suppress(OSError):
        return client.recv(65536)
    return b""
