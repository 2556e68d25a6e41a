"""Databases of a given size, and who asks for what in them."""

import base64
import hashlib
import json
import os
import pathlib
import random
import secrets
import sqlite3
import subprocess
import time

# Customers who ask: enough that no two requests at a time are for the same, few enough that the
# pages they need stay in memory at every size, as those of the customers do who are there today.
ASKING = 1_000
ID_EPOCH = 1_767_225_600_000  # src/ids.rs


def prepare(doorkey, folder: pathlib.Path, tickets: int) -> tuple[pathlib.Path, dict]:
    """The database with so many tickets, generated unless it is there, and its targets."""
    folder.mkdir(parents=True, exist_ok=True)
    database, targets = folder / f"{tickets}.db", folder / f"{tickets}.json"
    if not targets.exists():
        for stale in folder.glob(f"{tickets}.db*"):
            stale.unlink()
        command = ["generate", "--customers", str(max(50, tickets // 20)), "--tickets", str(tickets),
                   "--seed", "1", "--end", "2026-11-01T09:00:00Z", "--json"]
        done = doorkey(command, f"sqlite:{database}")
        doorkey(["staff", "add", "--email", "bench@doorkey.example", "--name", "Bench Admin",
                 "--role", "admin"], f"sqlite:{database}")
        chosen = choose(database)
        chosen["generate"] = json.loads(done)
        targets.write_text(json.dumps(chosen))
    return database, json.loads(targets.read_text())


def choose(path: pathlib.Path) -> dict:
    """Picks customers and tickets at random, and gives each of them a link and staff a session."""
    pick = random.Random(7)
    db = sqlite3.connect(path)
    now = int(time.time() * 1000)
    counted = db.execute(
        "SELECT customer_id FROM ticket_counts GROUP BY customer_id HAVING sum(tickets) BETWEEN 20 "
        "AND 24 AND (SELECT active FROM customers c WHERE c.id = customer_id)").fetchall()
    pick.shuffle(counted)
    readers = sorted(row[0] for row in counted[:ASKING])
    small, searched = [], []
    for customer in readers:
        six = db.execute(
            "SELECT t.id, t.reference FROM tickets t WHERE t.customer_id = ? AND "
            "(SELECT count(*) FROM entries e WHERE e.ticket_id = t.id AND e.is_public) = 6 LIMIT 1",
            (customer,)).fetchone()
        if six:
            small.append((customer, *six))
        word = db.execute("SELECT text FROM search_texts WHERE customer_id = ? AND entry_id = 0 "
                          "LIMIT 1", (customer,)).fetchone()
        searched.append((customer, word[0].split()[-1]))
    large = db.execute("SELECT customer_id, t.id, reference FROM tickets t JOIN customers c "
                       "ON c.id = customer_id WHERE active ORDER BY note_count DESC LIMIT 20").fetchall()
    # Whoever writes is somebody else, so that what is read stays as long as it was.
    known = set(readers)
    writing = [row for row in db.execute(
        "SELECT customer_id, t.id, reference FROM tickets t JOIN customers c ON c.id = customer_id "
        "WHERE status = 'open' AND active ORDER BY updated_at DESC LIMIT 40000") if row[0] not in known]
    pick.shuffle(writing)
    writers = list({row[0]: row for row in writing}.values())[:ASKING]
    tokens = {}
    for customer in sorted({*readers, *(row[0] for row in large), *(row[0] for row in writers)}):
        tokens[customer] = link(db, customer, now, len(tokens))
    tickets = [row[0] for row in db.execute("SELECT reference FROM tickets ORDER BY updated_at DESC "
                                            "LIMIT 2000")]
    emails = [row[0] for row in db.execute("SELECT email FROM customers ORDER BY id LIMIT 500")]
    session = cookie(db, now)
    db.commit()
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()
    opened = lambda rows: [[tokens[customer], *rest] for customer, *rest in rows]
    return {
        "readers": [[tokens[customer], customer] for customer in readers],
        "small": [[tokens[c], c, i, r] for c, i, r in small],
        "large": opened(large),
        "searched": [[tokens[c], word] for c, word in searched],
        "writers": opened(writers),
        "tickets": tickets,
        "emails": emails,
        "session": session,
        "customers": len(counted),
    }


def token() -> tuple[str, bytes]:
    """A secret as the program makes them, and what the database keeps of it."""
    secret = secrets.token_bytes(32)
    return base64.urlsafe_b64encode(secret).rstrip(b"=").decode(), hashlib.sha256(secret).digest()


def link(db, customer: int, now: int, number: int) -> str:
    word, digest = token()
    row = ((now - ID_EPOCH << 22) + number, digest, customer, "staff", now, now + 90 * 86_400_000)
    db.execute("INSERT INTO links (id, token_hash, customer_id, reason, issued_at, expires_at, "
               "use_count) VALUES (?, ?, ?, ?, ?, ?, 0)", row)
    return word


def cookie(db, now: int) -> str:
    word, digest = token()
    staff = db.execute("SELECT id FROM staff WHERE email_key = 'bench@doorkey.example'").fetchone()
    row = (now - ID_EPOCH << 22, digest, staff[0], "operator", "bench", "here", now, now,
           now + 86_400_000 * 90)
    db.execute("INSERT INTO sessions (id, token_hash, staff_id, way, browser, network, created_at, "
               "last_used_at, expires_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
    return word


def doorkey_command(binary: pathlib.Path):
    """Runs commands of the program on a database."""
    def run(arguments, url):
        environment = {**os.environ, "DOORKEY_DATABASE_URL": url, "DOORKEY_LOG": "warn"}
        return subprocess.run([binary, *arguments], env=environment, check=True,
                              stdout=subprocess.PIPE, text=True).stdout
    return run
