"""What clients do to the doors: slow, silent, greedy, many, and broken in the ways of HTTP/2.

Everything happens in a network of its own, where this machine has as many addresses as it likes: limits
are counted by address, and loopback is never counted. That takes root. Its parts are in edge_*.py.
"""

import contextlib
import http.client
import multiprocessing
import shutil
import sqlite3
import ssl
import tempfile
import threading
import time

import rig
from edge_crowd import crowd, saturation
from edge_doors import EncryptedServer, Server, code, exchange, hold_write_lock, isolate, many_files, served
from edge_http2 import http2_attacks
from edge_slow import greedy, slow, slow_over_http1, slow_over_tls, unread


# The end.

def stop(asked, verdicts):
    """SIGTERM ends the process in time whatever clients do, and what was being answered is answered."""
    for kind in (EncryptedServer,) if asked.short else (Server, EncryptedServer):
        with served(kind) as server:
            stop_amid(server, verdicts, "HTTPS" if kind is EncryptedServer else "HTTP")


def stop_amid(server, verdicts, name):
    customer = rig.customers(server, 1)[0]
    held = slow_over_http1(server.port, 0) if name == "HTTP" else slow_over_tls(server.port, 0)
    locked = multiprocessing.Event()
    locker = multiprocessing.Process(target=hold_write_lock, args=(server.database, 2.0, locked))
    locker.start()
    locked.wait()
    path = f"/api/v1/portal/tickets/{customer.reference}"
    answers = []

    def reply(number):
        client = server.client(customer.token)
        with contextlib.suppress(rig.Unanswered):
            answers.append(client.ask("POST", f"{path}/replies", {"body": f"Reply {number}"})[0])
        client.close()

    threads = [threading.Thread(target=reply, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    time.sleep(0.5)  # until they wait for the lock
    begun = time.monotonic()
    exit_code = server.stop()
    took = time.monotonic() - begun
    for thread in threads:
        thread.join()
    locker.join()
    with contextlib.closing(sqlite3.connect(server.database)) as database:
        stored = database.execute("SELECT count(*) FROM entries WHERE body LIKE 'Reply %'").fetchone()[0]
    for one in held:
        one.client.close()
    holds = exit_code == 0 and took <= 10 and answers == [201] * 8 and stored == 8
    verdicts.tell(f"stop ({name})", f"{len(held)} slow clients of all kinds, 8 replies being answered",
                  "SIGTERM; another process holds the write lock",
                  f"exit code {exit_code} after {took:.1f} s (gate 10), answers {answers}, {stored} stored",
                  holds)


# A certificate that is renewed.

def certificate(asked, verdicts):
    """A certificate is replaced while requests run: new connections see the new one, and no request fails."""
    rounds = 1 if asked.short else 5
    with served(EncryptedServer) as server:
        first = server.certificate.read_text()
        trusted = server.folder / "trusted.pem"
        trusted.write_text(first)
        seen, failed, answered = [first], [], [0]
        ended = threading.Event()

        def visit(kept):
            """Verifies the certificate at each connection, and asks on it once or for long."""
            while not ended.is_set():
                context = ssl.create_default_context(cafile=trusted)
                client = http.client.HTTPSConnection("localhost", server.port, timeout=rig.PATIENCE,
                                                     context=context)
                try:
                    for _ in range(200 if kept else 1):
                        client.request("GET", "/portal")
                        answer = client.getresponse()
                        answer.read()
                        answered[0] += 1
                        if answer.status != 200:
                            failed.append(answer.status)
                        time.sleep(0.01)
                except (OSError, http.client.HTTPException) as error:
                    failed.append(repr(error))
                client.close()

        threads = [threading.Thread(target=visit, args=(number % 2,)) for number in range(6)]
        for thread in threads:
            thread.start()
        took = []
        for _ in range(rounds):
            took.append(renew(server, trusted, seen))
        time.sleep(0.5)
        ended.set()
        for thread in threads:
            thread.join()
        holds = not failed and len(set(seen)) == rounds + 1 and answered[0] > 100
    verdicts.tell("certificate", f"6 clients, {answered[0]} requests",
                  f"certificate and key replaced {rounds} times",
                  f"shown after {max(took):.1f} s at most, {len(failed)} requests failed {failed[:2]}", holds)


def renew(server, trusted, seen):
    """Seconds until another certificate is shown to who connects."""
    folder = tempfile.mkdtemp(prefix="doorkey-rig-edge.")
    # Clients must trust it before it is shown.
    made = EncryptedServer(folder)
    with open(trusted, "a") as bundle:
        bundle.write(made.certificate.read_text())
    begun = time.monotonic()
    made.certificate.rename(server.certificate)
    time.sleep(0.2)  # as a tool leaves one file after the other
    made.key_file.rename(server.key_file)
    wanted = server.certificate.read_text()
    rig.until("the new certificate is shown",
              lambda: ssl.get_server_certificate(("127.0.0.1", server.port)).strip() == wanted.strip())
    shutil.rmtree(folder)
    seen.append(wanted)
    return time.monotonic() - begun


# Who says who asks.

PROXY, STRANGER = "198.19.0.1", "198.18.200.1"
EVIL = "evil.example"


def ask_for_link(server, source, headers, email="nobody@rig.example"):
    """The status of a request for a link."""
    body = b'{"email": "%s"}' % email.encode()
    headers = {"host": "localhost", **headers}
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items()).encode()
    request = (b"POST /api/v1/portal/links HTTP/1.1\r\n" + lines + b"content-type: application/json\r\n"
               b"connection: close\r\ncontent-length: %d\r\n\r\n" % len(body) + body)
    return code(exchange(server.port, request, source))


def proxies(asked, verdicts):
    """Only a trusted proxy says who asks, and nobody says what Doorkey is called."""
    with served(settings={"DOORKEY_TRUSTED_PROXIES": "198.19.0.0/24"}) as server:
        forged(server, verdicts)
        behind_a_proxy(server, verdicts)
        hosts(server, verdicts)


def forged(server, verdicts):
    """30 an hour for a network: another name for oneself each time changes nothing."""
    answers = [ask_for_link(server, STRANGER, {"x-forwarded-for": f"203.0.113.{number}",
                                               "forwarded": f"for=203.0.113.{number}"})
               for number in range(40)]
    verdicts.tell("proxies: a stranger's X-Forwarded-For",
                  "40 requests for links, each naming another address", "none",
                  f"{answers.count(202)} x 202, {answers.count(429)} x 429",
                  answers == [202] * 30 + [429] * 10)


def behind_a_proxy(server, verdicts):
    """What the proxy saw counts, and not what its client said before that."""
    def through(number, client):
        return ask_for_link(server, PROXY, {"x-forwarded-for": f"203.0.113.{number}, {client}, 198.19.0.7"})
    one = [through(number, "192.0.2.1") for number in range(40)]
    other = [through(number, "192.0.2.2") for number in range(5)]
    quarrel = [ask_for_link(server, PROXY, {"x-forwarded-for": f"192.0.2.{100 + number}",
                                            "forwarded": f"for=192.0.2.{150 + number}"})
               for number in range(40)]
    verdicts.tell("proxies: what a trusted one says",
                  "40 requests from one client behind it, 5 from another, 40 whose headers disagree", "none",
                  f"{one.count(202)} x 202 and {one.count(429)} x 429; {other.count(202)} x 202; "
                  f"{quarrel.count(202)} x 202 and {quarrel.count(429)} x 429, counted by the proxy",
                  one == quarrel == [202] * 30 + [429] * 10 and other == [202] * 5)


def hosts(server, verdicts):
    """A name that clients or proxies make up is in no answer and in no mail."""
    customer = rig.customers(server, 1)[0]
    headers = {"host": EVIL, "x-forwarded-host": EVIL, "x-host": EVIL, "x-original-host": EVIL,
               "x-forwarded-server": EVIL, "x-forwarded-proto": "https",
               "forwarded": f"for=192.0.2.77;host={EVIL}"}
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    paths = ["/", "/portal", "/portal/", "/portal/tickets", f"/portal/tickets/{customer.reference}", "/admin",
             "/admin/sign-in", "/admin/tickets", "/api/docs", "/api/v1/openapi.json",
             "/api/v1/portal/session", "/nothing", "/healthz", "/readyz", "/.well-known/security.txt",
             "/dev/mailbox"]
    answers = []
    for path in paths:
        for target in (path, f"http://{EVIL}{path}"):
            request = f"GET {target} HTTP/1.1\r\n{lines}connection: close\r\n\r\n"
            for source in (STRANGER, PROXY):
                answers.append(exchange(server.port, request.encode(), source))
    asked = [ask_for_link(server, PROXY, headers, customer.email)]

    def mails():
        return [file.read_bytes() for file in (server.folder / "mailbox").rglob("*") if file.is_file()]

    def is_link(mail):
        return customer.email.encode() in mail and b"#token=" in mail.replace(b"=3D", b"=")

    rig.until("the link is mailed", lambda: any(map(is_link, mails())))
    texts = answers + mails()
    named = sum(EVIL.encode() in text for text in texts)
    unanswered = sum(code(answer) == 0 for answer in answers)
    verdicts.tell("proxies: Host and X-Forwarded-Host",
                  f"{len(answers)} requests for {len(paths)} addresses, a link",
                  "each names another host in seven headers",
                  f"{named} of {len(texts)} answers and mails name it, {unanswered} unanswered",
                  not named and not unanswered and asked == [202])


TESTS = {"slow": slow, "unread": unread, "greedy": greedy, "stop": stop, "http2": http2_attacks,
         "crowd": crowd, "saturation": saturation, "certificate": certificate, "proxies": proxies}

if __name__ == "__main__":
    isolate()
    many_files()
    rig.main(__doc__, TESTS)
