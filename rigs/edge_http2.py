"""What is wrong in HTTP/2, from several connections at a time."""

import multiprocessing
import struct
import time

import http2
import rig
from edge_doors import HOST, EncryptedServer, Others, from_address, served, warm_up


def rapid_reset(connection, ends):
    """Requests taken back as soon as they are made (CVE-2023-44487)."""
    stream = 1
    while time.monotonic() < ends and stream < 200_000:
        batch = b"".join(
            http2.request(number, "/portal") + http2.frame(http2.RST_STREAM, 0, number, http2.CANCEL)
            for number in range(stream, stream + 100, 2))
        stream += 100
        if not connection.send(batch):
            break
        connection.drain()
    return stream // 2


def made_reset(connection, ends):
    """Requests that the server itself has to take back: each is followed by what is not allowed."""
    stream = 1
    while time.monotonic() < ends and stream < 200_000:
        batch = b"".join(
            http2.request(number, "/portal") + http2.frame(http2.WINDOW_UPDATE, 0, number, bytes(4))
            for number in range(stream, stream + 100, 2))
        stream += 100
        if not connection.send(batch):
            break
        connection.drain()
    return stream // 2


def continuation(connection, ends):
    """One request whose headers never end (CVE-2024-27316)."""
    connection.send(http2.request(1, flags=http2.END_STREAM))
    more = http2.field("x-more", "y" * 16_000)
    return repeat(connection, ends, http2.frame(http2.CONTINUATION, 0, 1, more))


def empty_continuation(connection, ends):
    """The same in frames without a byte in them."""
    connection.send(http2.request(1, flags=http2.END_STREAM))
    return repeat(connection, ends, http2.frame(http2.CONTINUATION, 0, 1) * 1000, 1000)


def settings(connection, ends):
    """Settings without end, each of which wants an acknowledgement that is never read."""
    pair = struct.pack(">HI", http2.INITIAL_WINDOW_SIZE, 65535)
    return repeat(connection, ends, http2.frame(http2.SETTINGS, payload=pair) * 500, 500)


def pings(connection, ends):
    """The same with pings."""
    return repeat(connection, ends, http2.frame(http2.PING, payload=b"rig-ping") * 500, 500)


def empty_data(connection, ends):
    """A body of frames without a byte in them."""
    connection.send(http2.request(1, "/api/v1/portal/links", "POST", http2.END_HEADERS,
                                  http2.field("content-type", "application/json")))
    return repeat(connection, ends, http2.frame(http2.DATA, 0, 1) * 1000, 1000)


def beyond_windows(connection, ends):
    """A body that asks no window whether there is room."""
    connection.send(http2.request(1, "/api/v1/portal/links", "POST", http2.END_HEADERS,
                                  http2.field("content-type", "application/json")))
    return repeat(connection, ends, http2.frame(http2.DATA, 0, 1, b" " * 16_384))


def repeat(connection, ends, data, frames=1):
    """Sends the same until the server ends it or takes no more; how many frames went out."""
    sent = 0
    while time.monotonic() < ends and sent < 5_000_000 and connection.send(data, 2.0):
        sent += frames
    return sent


def large_table(connection, ends):
    """Requests of a few bytes that mean megabytes: each byte names a long field that was sent once."""
    kept = http2.field("x-long", "y" * 3900, indexed=True)
    connection.send(http2.request(1, more=kept + b"\xbe" * 12_000))
    stream = 3
    while time.monotonic() < ends and stream < 1_000 and connection.send(
            http2.request(stream, more=b"\xbe" * 12_000)):
        connection.drain(0.01)
        stream += 2
    return stream // 2


def stalled(connection, ends):
    """As many requests as one connection may have, for a large page, and no window to answer into."""
    connection.send(b"".join(http2.request(number, "/api/docs") for number in range(1, 257, 2)))
    while time.monotonic() < ends and not connection.closed:
        connection.pongs(0.2)
    return 128


# What is done, with which settings, and whether the server has to end it. What takes the most memory comes
# last: the others would go unseen in what it leaves.
ATTACKS = {
    "rapid reset": (rapid_reset, (), True),
    "resets that the server has to make": (made_reset, (), True),
    "CONTINUATION without end": (continuation, (), True),
    "empty CONTINUATION without end": (empty_continuation, (), True),
    "SETTINGS without end": (settings, (), False),
    "PING without end": (pings, (), False),
    "empty DATA without end": (empty_data, (), False),
    "DATA beyond every window": (beyond_windows, (), True),
    "headers of 47 MB in 16 KB": (large_table, (), False),
    "no window for 128 answers": (stalled, ((http2.INITIAL_WINDOW_SIZE, 0),), False),
}


def attack(port, name, source, seconds, told):
    """One attacker, in a process of its own: how many, whether it was ended, and how."""
    act, pairs, _ = ATTACKS[name]
    connection = http2.Connection(port, pairs, source, HOST)
    done = act(connection, time.monotonic() + seconds)
    # The last words may be on their way.
    connection.drain(0.5)
    told.put((done, connection.closed or connection.refusal is not None, connection.refusal))
    connection.close()


def http2_attacks(asked, verdicts):
    """Each attack costs its connection, or a bounded piece of memory; others are served meanwhile."""
    seconds, attackers = (1.0, 2) if asked.short else (10.0, 4)
    with served(EncryptedServer) as server:
        warm_up(server)
        for name in ATTACKS:
            under_attack(server, name, seconds, attackers, verdicts)


def under_attack(server, name, seconds, attackers, verdicts):
    before, files = server.memory(), server.files()
    server.forget()
    told = multiprocessing.Queue()
    # Loopback is a proxy's place, and trusted with more.
    processes = [multiprocessing.Process(target=attack,
                                         args=(server.port, name, from_address(0), seconds, told))
                 for _ in range(attackers)]
    for process in processes:
        process.start()
    with Others(server) as others:
        results = [told.get(timeout=seconds + rig.PATIENCE) for _ in processes]
    for process in processes:
        process.join()
    grown = server.memory("VmHWM") - before
    rig.until("files are given back", lambda: server.files() <= files + 2)
    ended = sum(closed for _, closed, _ in results)
    codes = sorted({refusal for *_, refusal in results if refusal is not None})
    most = max(done for done, *_ in results)
    must_end = ATTACKS[name][2]
    holds = grown < 20 and others.are_served() and (ended == attackers or not must_end)
    verdicts.tell(f"HTTP/2: {name}", f"{attackers} connections, {seconds:.0f} s at most", "none",
                  f"{ended} ended by the server (GOAWAY {codes}) after {most} requests or frames at most, "
                  f"memory +{grown:.1f} MiB (gate 20); {others}", holds)
