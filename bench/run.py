#!/usr/bin/env python3
"""Measures pages, replies and searches on the real binary, beside what the machine can do at most.

Generates databases of the sizes asked for (once; they stay below target/bench), starts `doorkey
serve` on each, drives it with wrk, and prints a table. Results go to bench/results/."""

import argparse
import contextlib
import json
import os
import pathlib
import platform
import subprocess
import tempfile
import time

import data as databases
import floors
import report
import scenarios
from load import doorkey, drive, Server

ROOT = pathlib.Path(__file__).resolve().parent.parent


def main():
    asked = arguments()
    binary = ROOT / "target/release/doorkey"
    bare = ROOT / "target/release/doorkey-bench"
    folder = pathlib.Path(asked.data)
    runs = []
    with contextlib.ExitStack() as stack:
        if "postgres" in asked.engines:
            asked.postgres = stack.enter_context(postgres(folder / "postgres"))
        for tickets in asked.sizes:
            runs += sized(tickets, binary, bare, folder, asked)
    results = {"machine": machine(), "seconds": asked.seconds, "runs": runs}
    asked.out.mkdir(parents=True, exist_ok=True)
    (asked.out / f"{asked.name}.json").write_text(json.dumps(results, indent=1) + "\n")
    (asked.out / f"{asked.name}.svg").write_text(report.plot(results))
    print(f"{asked.out}/{asked.name}.json and .svg")


def sized(tickets, binary, bare, folder, asked):
    """The runs on databases with so many tickets, one an engine."""
    runs = []
    file, targets = databases.prepare(databases.doorkey_command(binary), folder, tickets)
    for engine in asked.engines:
        url = f"sqlite:{file}"
        if engine == "postgres":
            url = in_postgres(binary, file, tickets, asked.postgres)
        run = measure(binary, bare, engine, url, file, tickets, targets, asked)
        runs.append(run)
        print(report.table(run), flush=True)
    return runs


@contextlib.contextmanager
def postgres(folder):
    """A server of its own, with the rows on disk when it says so; it goes with its databases."""
    script = ROOT / "scripts/postgres"
    folder.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run([script, "stop", folder], check=True)  # of a run that was cut off
    started = subprocess.run([script, "start", folder], env={**os.environ, "DURABLE": "on"}, check=True,
                             stdout=subprocess.PIPE, text=True)
    try:
        yield started.stdout.strip()
    finally:
        subprocess.run([script, "stop", folder], check=True)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--sizes", type=sizes, default=sizes("10k,1m,10m"),
                        help="tickets, such as 10k,1m,10m (10m takes 26 GB of disk)")
    parser.add_argument("--engines", type=lambda text: text.split(","), default=["sqlite"],
                        help="sqlite, postgres or both")
    parser.add_argument("--seconds", type=int, default=5, help="for each scenario")
    parser.add_argument("--only", default="", help="scenarios with this in their name")
    parser.add_argument("--data", default=ROOT / "target/bench", help="where databases are kept")
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "bench/results")
    parser.add_argument("--name", default="latest", help="of the files with the results")
    return parser.parse_args()


def sizes(text):
    factors = {"k": 1_000, "m": 1_000_000}
    return [int(part.rstrip("km")) * factors.get(part[-1], 1) for part in text.lower().split(",")]


def machine():
    cpu = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo")
                if line.startswith("model name")), platform.machine())
    version = subprocess.run(["git", "-C", ROOT, "rev-parse", "--short", "HEAD"],
                             stdout=subprocess.PIPE, text=True).stdout.strip()
    return {"cpu": cpu, "cores": os.cpu_count(), "version": version,
            "at": time.strftime("%Y-%m-%dT%H:%MZ", time.gmtime())}


def in_postgres(binary, file, tickets, server):
    """The same rows on PostgreSQL."""
    name = f"bench_{tickets}"
    url = f"{server.rsplit('/', 1)[0]}/{name}"
    subprocess.run(["psql", "-q", server, "-c", f"CREATE DATABASE {name}"], check=True)
    subprocess.run([binary, "copy", "--from", f"sqlite:{file}", "--to", url], check=True)
    subprocess.run(["psql", "-q", url, "-c", "VACUUM ANALYZE"], check=True)
    return url


def measure(binary, bare, engine, url, file, tickets, targets, asked):
    run = {"engine": engine, "tickets": tickets, "generate": targets["generate"], "scenarios": []}
    wanted = lambda it: asked.only in it.name
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        with doorkey(binary, url, folder) as server:
            run["cold_start_ms"] = server.first_answer_ms
            for scenario in filter(wanted, scenarios.reading(server, targets)):
                run["scenarios"].append(one(server, bare, scenario, asked.seconds))
        run["floors"] = floors.measure(binary, bare, file, targets, folder, asked.seconds)
        with doorkey(binary, url, folder) as server:
            for scenario in filter(wanted, scenarios.writing(targets)):
                run["scenarios"].append(one(server, bare, scenario, asked.seconds))
    return run


def one(server, bare, scenario, seconds):
    """A scenario, with a bare server that answers as many bytes measured right before it."""
    body = 0
    result = {"name": scenario.name}
    if scenario.beside_hello:
        method, path, headers, _ = scenario.requests[0].split("\t")
        headers = dict(pair.split(": ", 1) for pair in headers.split("|") if pair)
        body = answer_size(server, path, headers)
        with Server([bare, "hello", "127.0.0.1:{port}", str(body)]) as hello:
            result["hello"] = drive(hello, scenario.requests, seconds, scenario.clients)
    drive(server, scenario.requests, 1, scenario.clients)  # everything warm
    result |= drive(server, scenario.requests, seconds, scenario.clients)
    result["body_bytes"] = body
    if "hello" in result:
        result["of_hello"] = result["per_second"] / result["hello"]["per_second"]
    print(report.line(result), flush=True)
    return result


def answer_size(server, path, headers):
    import urllib.error
    try:
        return len(server.ask(path, headers)[0])
    except urllib.error.HTTPError as error:
        if error.code == 304:
            return 0
        raise


main()
