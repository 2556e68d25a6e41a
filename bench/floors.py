"""What the machine gives at most: the statements of a page in a bare loop, one commit a write."""

import base64
import hashlib
import json
import pathlib
import subprocess

from load import doorkey
from scenarios import bearer, programs

# Who `$1`, `$2`, … are in each statement of the pages below, by the words only it has.
MEANS = [
    ("token_hash = $1", ["hash"]),
    ("FROM ticket_counts", ["customer"]),
    ("WHERE t.customer_id = $1", ["customer", "rows"]),
]


def measure(binary, bare, file, targets, folder, seconds):
    """Floors of reading and writing on SQLite, by name."""
    found = {}
    for name, path, headers in [
        ("portal: list, HTML", "/portal", bearer),
        ("portal: list, JSON", "/api/v1/portal/tickets?limit=20", programs),
    ]:
        statements = said(binary, file, folder, path, headers(targets["readers"][0][0]))
        plan = folder / "plan.json"
        plan.write_text(json.dumps(pages(statements, file, targets["readers"])))
        for threads in (1, 2):
            command = [bare, "reads", file, plan, str(seconds), str(threads)]
            found[f"{name}, {threads} threads"] = told(command) | {"statements": len(statements)}
    found["one commit each"] = told([bare, "commits", folder / "floor.db", str(seconds)])
    found["fsync"] = told([bare, "fsync", folder / "floor.bin", str(seconds)])
    return found


def told(command):
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)


def said(binary, file, folder, path, headers):
    """The statements that one request runs, from the program's own trace."""
    log = pathlib.Path(folder) / "trace.log"
    with open(log, "wb") as out:
        server = doorkey(binary, f"sqlite:{file}", folder)
        server.environment |= {"DOORKEY_LOG": "doorkey::db=trace,info"}
        server.log = out
        with server:
            server.ask(path, headers)
            before = log.stat().st_size
            server.ask(path, headers)
            after = log.stat().st_size
    lines = log.read_bytes()[before:after].decode().splitlines()
    texts = [json.loads(line).get("message", "") for line in lines if line.startswith("{")]
    return [text for text in texts if text.startswith("SELECT") and known(text)]


def known(sql):
    return next((names for words, names in MEANS if words in sql), None)


def pages(statements, file, readers):
    """The statements with what is bound to them, for each who reads."""
    pages = []
    for token, customer in readers:
        values = {"hash": {"hex": hashlib.sha256(base64.urlsafe_b64decode(token + "=")).hexdigest()},
                  "customer": customer, "rows": 21}
        pages.append([[sql, [values[name] for name in known(sql)]] for sql in statements])
    return pages
