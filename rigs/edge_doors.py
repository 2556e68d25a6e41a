"""What the parts of edge.py share: a network of their own, servers on it, and somebody else who must be
served all the while."""

import contextlib
import ctypes
import http.client
import os
import pathlib
import re
import resource
import shutil
import socket
import sqlite3
import ssl
import subprocess
import sys
import tempfile
import threading
import time

import http2
import rig

NEW_NETWORK = 0x40000000  # CLONE_NEWNET
# Each address of this network is ours, and none of it is loopback.
NETWORK = "198.18.0.1/15"
HOST = "198.18.0.1"
MIB = 1024 * 1024


def isolate():
    """Leaves the machine's network for one with nobody else in it."""
    if os.geteuid() != 0:
        sys.exit("edge.py needs root: it makes a network of its own, with addresses to be many clients from")
    if not shutil.which("ip") or not shutil.which("openssl"):
        sys.exit("edge.py needs the programs ip (package iproute2) and openssl")
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(NEW_NETWORK):
        sys.exit(f"edge.py cannot make a network of its own: {os.strerror(ctypes.get_errno())}")
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    subprocess.run(["ip", "address", "add", NETWORK, "dev", "lo"], check=True)


def many_files():
    """Room for 10,000 connections at both ends."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = max(hard, 20_000)
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, wanted))


class Server(rig.Doorkey):
    """Doorkey on every address of the network, with its limits as they are out of the box."""

    def __init__(self, folder, settings=None):
        super().__init__(folder, settings={"DOORKEY_LIMITS": "on", **(settings or {})})
        self.settings["DOORKEY_LISTEN"] = f"0.0.0.0:{self.port}"

    def memory(self, which="VmRSS"):
        """MiB: now, or with `VmHWM` at most since [forget]."""
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(rf"{which}:\s+(\d+)", status)[1]) / 1024

    def forget(self):
        """The peak of memory counts from here."""
        pathlib.Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")

    def files(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def said(self, text):
        """How many lines of the log have it."""
        return (self.folder / "log").read_text(errors="replace").count(text)


class EncryptedServer(Server):
    """The same with HTTPS of its own."""

    def __init__(self, folder):
        super().__init__(folder)
        self.certificate, self.key_file = self.folder / "certificate.pem", self.folder / "key.pem"
        self.issue()
        self.settings.update({"DOORKEY_PUBLIC_URL": f"https://localhost:{self.port}",
                              "DOORKEY_TLS_CERTIFICATE": str(self.certificate),
                              "DOORKEY_TLS_KEY": str(self.key_file)})

    def issue(self):
        """Another certificate into the same files, as an authority's tool leaves it; its text."""
        made = [path.with_suffix(".new") for path in (self.key_file, self.certificate)]
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                        "-nodes", "-days", "30", "-subj", "/CN=localhost", "-addext",
                        "subjectAltName=DNS:localhost", "-keyout", made[0], "-out", made[1]],
                       check=True, capture_output=True)
        made[0].rename(self.key_file)
        made[1].rename(self.certificate)
        return self.certificate.read_text()

    def client(self, token=None, timeout=rig.PATIENCE):
        client = super().client(token, timeout)
        context = ssl.create_default_context(cafile=self.certificate)
        client.connection = http.client.HTTPSConnection("localhost", self.port, timeout=timeout,
                                                        context=context)
        return client


@contextlib.contextmanager
def served(kind=Server, **settings):
    """A server that runs, in a folder that goes with it."""
    folder = tempfile.mkdtemp(prefix="doorkey-rig-edge.")
    server = kind(folder, **settings)
    try:
        server.start()
        yield server
    finally:
        server.kill()
        shutil.rmtree(folder)


def from_address(number):
    """One of the many: a whole network of IPv4 is each address."""
    return f"198.18.{number // 250 + 1}.{number % 250 + 1}"


def connect(port, source="127.0.0.1", host=None):
    """A plain connection from an address of ours; from loopback to loopback."""
    host = host or ("127.0.0.1" if source.startswith("127.") else HOST)
    return socket.create_connection((host, port), rig.PATIENCE, (source, 0))


def exchange(port, request, source="127.0.0.1"):
    """All that is answered until the server closes."""
    with connect(port, source) as client:
        with contextlib.suppress(OSError):
            client.sendall(request)
        return read_all(client)


def read_all(client):
    answer = b""
    with contextlib.suppress(OSError):
        while more := client.recv(65536):
            answer += more
    return answer


def code(answer):
    """The status of an answer's bytes; 0 for none."""
    found = re.match(rb"HTTP/1\.1 (\d{3}) ", answer)
    return int(found[1]) if found else 0


def is_put_off(answer):
    """Whether somebody was told to come again."""
    return code(answer) == 503 and b"\r\nretry-after: " in answer.lower()


class Others:
    """Somebody else who is served all the while: each answer's status and time."""

    def __init__(self, server, path="/portal", pause=0.02):
        self.server, self.path, self.pause = server, path, pause
        self.statuses, self.times, self.broken = {}, [], []
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self.go_on)

    def go_on(self):
        while not self.ended.is_set():
            client = self.server.client()
            try:
                for _ in range(20):
                    begun = time.monotonic()
                    status = client.ask("GET", self.path)[0]
                    self.times.append(time.monotonic() - begun)
                    self.statuses[status] = self.statuses.get(status, 0) + 1
                    if self.ended.wait(self.pause):
                        break
            except rig.Unanswered as error:
                self.broken.append(str(error))
            finally:
                client.close()

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.thread.join()

    def are_served(self):
        return not self.broken and set(self.statuses) == {200}

    def __str__(self):
        count, worst = sum(self.statuses.values()), max(self.times, default=0)
        broken = f", {len(self.broken)} broken" if self.broken else ""
        return f"others: {count} answers {sorted(self.statuses)}{broken}, slowest {worst * 1e3:.0f} ms"


def percentile(times, share):
    return sorted(times)[min(len(times) - 1, int(len(times) * share))]


def warm_up(server):
    """What the first requests of each kind need for ever."""
    for path in ("/portal", "/api/docs", "/healthz"):
        server.client().expect(200, "GET", path)
    if not isinstance(server, EncryptedServer):
        return
    connection = http2.Connection(server.port)
    connection.send(b"".join(http2.request(number) for number in range(1, 101, 2)))
    connection.statuses(50, 5)
    connection.close()


def hold_write_lock(database, seconds, held):
    """Another process that writes, and takes its time."""
    other = sqlite3.connect(database, timeout=30, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    held.set()
    time.sleep(seconds)
    other.execute("ROLLBACK")
    other.close()
