"""What the rigs share: the real binary, its customers, a private PostgreSQL, and how a verdict is told."""

import argparse
import contextlib
import http.client
import json
import os
import pathlib
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
BINARY = pathlib.Path(os.environ.get("DOORKEY_TEST_BIN", ROOT / "target/release/doorkey"))
# Longer than any answer may take; whoever meets it has found a fault.
PATIENCE = 60.0


class Unanswered(Exception):
    """The connection ended before a whole answer was read: nothing was acknowledged."""


class Doorkey:
    """`doorkey serve` on a port and a folder of its own, to be started, killed and started again."""

    def __init__(self, folder, database_url=None, settings=None, before=(), port=None):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.port = port or free_port()
        self.database = self.folder / "doorkey.db"
        self.database_url = database_url or f"sqlite:{self.database}"
        self.before = list(before)  # what runs the binary, such as `strace` with its options
        self.settings = {
            "DOORKEY_LISTEN": f"127.0.0.1:{self.port}",
            "DOORKEY_PUBLIC_URL": f"http://localhost:{self.port}",
            "DOORKEY_DATABASE_URL": self.database_url, "DOORKEY_DATA_DIR": str(self.folder),
            "DOORKEY_LIMITS": "off", "DOORKEY_LOG": "info", **(settings or {}),
        }
        self.process = None

    def environment(self):
        kept = {name: value for name, value in os.environ.items() if not name.startswith("DOORKEY_")}
        return {**kept, **self.settings}

    def start(self, wait=True):
        log = open(self.folder / "log", "ab")
        self.process = subprocess.Popen([*self.before, BINARY, "serve"], env=self.environment(),
                                        stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        log.close()
        if wait:
            self.wait_until_ready()
        return self

    def wait_until_ready(self, patience=PATIENCE):
        """Seconds until it answered."""
        begun = time.monotonic()
        while not self.is_ready():
            if self.process.poll() is not None:
                raise SystemExit(f"doorkey serve ended with {self.process.returncode}: {self.last_words()}")
            if time.monotonic() - begun > patience:
                raise SystemExit(f"doorkey serve is not ready after {patience} s: {self.last_words()}")
            time.sleep(0.002)
        return time.monotonic() - begun

    def is_ready(self):
        client = self.client(timeout=5)
        try:
            return client.ask("GET", "/readyz")[0] == 200
        except Unanswered:
            return False
        finally:
            client.close()

    def kill(self):
        """As if the power of the process were cut."""
        if self.process:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
            self.process = None

    def stop(self):
        """As an operator stops it; its exit code."""
        self.process.terminate()
        code = self.process.wait(timeout=PATIENCE)
        self.process = None
        return code

    def command(self, *arguments, check=True):
        """Runs another command of the program on the same settings."""
        done = subprocess.run([BINARY, *map(str, arguments)], env=self.environment(),
                              stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if check and done.returncode:
            raise SystemExit(f"doorkey {' '.join(map(str, arguments))}: {done.stderr}")
        return done

    def cli(self, *arguments):
        """As [command], with the JSON that it prints."""
        return json.loads(self.command(*arguments, "--json").stdout)

    def key(self, role="admin", name="Rig"):
        """A new API key."""
        return self.cli("api-key", "create", "--name", name, "--role", role)["key"]

    def client(self, token=None, timeout=PATIENCE):
        return Client(self.port, token, timeout)

    def last_words(self):
        return (self.folder / "log").read_text(errors="replace")[-2000:]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()


class Client:
    """One connection, kept alive and made anew when it is gone."""

    def __init__(self, port, token=None, timeout=PATIENCE, host="127.0.0.1"):
        self.connection = http.client.HTTPConnection(host, port, timeout=timeout)
        self.token = token

    def ask(self, method, path, body=None, headers=None):
        """Status, headers and JSON (or bytes) of an answer that was read to its end."""
        headers = dict(headers or {})
        if self.token:
            headers.setdefault("Authorization", f"Bearer {self.token}")
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
            headers.setdefault("Content-Type", "application/json")
        try:
            self.connection.request(method, path, body, headers)
            answer = self.connection.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException) as error:
            self.connection.close()
            raise Unanswered(str(error)) from error
        if "json" in (answer.headers.get("Content-Type") or ""):
            content = json.loads(content)
        return answer.status, answer.headers, content

    def expect(self, status, method, path, body=None, headers=None):
        """The content of an answer that must have this status."""
        got, _, content = self.ask(method, path, body, headers)
        if got != status:
            raise AssertionError(f"{method} {path}: {got} instead of {status}: {content}")
        return content

    def close(self):
        self.connection.close()


class Customer:
    """Somebody with one open ticket, and the token that opens their portal."""

    def __init__(self, email, number, token, reference):
        self.email, self.id, self.token, self.reference = email, number, token, reference


def customers(doorkey, count, key=None):
    """So many customers with one ticket each, made through the API of a running Doorkey."""
    program = doorkey.client(key or doorkey.key(name=f"Rig {time.monotonic_ns()}"))
    made = []
    for number in range(count):
        email = f"customer{number}.{time.monotonic_ns()}@rig.example"
        ticket = program.expect(201, "POST", "/api/v1/tickets", {
            "customer": {"email": email, "name": f"Customer {number}"},
            "subject": f"Siren {number}", "description": "It beeps once a minute."})
        person = ticket["customer"]["id"]
        link = program.expect(201, "POST", f"/api/v1/customers/{person}/links", {})
        token = link["url"].rsplit("=", 1)[-1].rsplit("#", 1)[-1]
        made.append(Customer(email, person, token, ticket["reference"]))
    program.close()
    return made


@contextlib.contextmanager
def postgres(durable=True):
    """A server of its own; yields its URL, which ends with a database that [fresh] makes others beside."""
    folder = tempfile.mkdtemp(prefix="doorkey-rig-postgres.")
    script = ROOT / "scripts/postgres"
    environment = {**os.environ, "DURABLE": "on" if durable else "off"}
    started = subprocess.run([script, "start", folder], env=environment, check=True,
                             stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        yield started.stdout.strip()
    finally:
        subprocess.run([script, "stop", folder], check=True)


def fresh(server):
    """A new, empty database on that PostgreSQL; its URL."""
    name = f"rig_{time.monotonic_ns()}"
    sql(server, f"CREATE DATABASE {name}")
    return f"{server.rsplit('/', 1)[0]}/{name}"


def sql(url, text):
    """Rows of a statement on PostgreSQL, as lists of strings."""
    done = subprocess.run(["psql", "-X", "-q", "-A", "-t", "-F", "\x1f", url, "-c", text],
                          capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"psql: {done.stderr}")
    return [line.split("\x1f") for line in done.stdout.splitlines()]


def free_port():
    """A port that outgoing connections are not given: who asks whether a server is there yet could otherwise
    be connected to themselves, and the server finds its port taken."""
    while True:
        port = random.randrange(10_000, 32_000)
        with socket.socket() as found, contextlib.suppress(OSError):
            found.bind(("127.0.0.1", port))
            return port


def until(what, done, patience=PATIENCE):
    """Waits until `done` is true; what it is then."""
    begun = time.monotonic()
    while not (result := done()):
        if time.monotonic() - begun > patience:
            raise AssertionError(f"{what}: not after {patience} s")
        time.sleep(0.02)
    return result


class Verdicts:
    """What each test showed: one row of the table in docs/RELIABILITY.md each."""

    def __init__(self):
        self.rows = []

    def tell(self, test, load, faults, result, holds):
        row = {"test": test, "load": load, "faults": faults, "result": result, "holds": bool(holds)}
        self.rows.append(row)
        sign = "holds" if holds else "FAILS"
        print(f"{sign} | {test} | {load} | {faults} | {result}", flush=True)

    def finish(self):
        """The exit code of a rig: 0 if everything holds."""
        return 0 if self.rows and all(row["holds"] for row in self.rows) else 1


def only(engine, test):
    """That test, unless another engine alone was asked for."""
    def run(asked, verdicts):
        if asked.engine in (None, engine):
            test(asked, verdicts)
    return run


def main(description, tests):
    """Runs the tests of a rig that were asked for: functions that take `asked` and `verdicts`. With
    `--short` as many as a test suite has time for."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--short", action="store_true", help="a minute of it, for the test suite")
    parser.add_argument("--engine", choices=["sqlite", "postgres"], help="only this one")
    parser.add_argument("--seed", type=int, default=time.time_ns() % 1_000_000)
    parser.add_argument("tests", nargs="*", metavar="TEST", help=", ".join(tests))
    asked = parser.parse_args()
    unknown = set(asked.tests) - set(tests)
    if unknown:
        parser.error(f"no such test: {', '.join(sorted(unknown))}")
    print(f"seed {asked.seed}", flush=True)
    # Whoever ends a rig leaves neither servers nor folders behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    verdicts = Verdicts()
    for name, test in tests.items():
        if not asked.tests or name in asked.tests:
            try:
                test(asked, verdicts)
            except AssertionError as error:
                verdicts.tell(name, "", "", str(error), False)
    sys.exit(verdicts.finish())
