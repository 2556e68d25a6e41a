"""The real binary under load, and what it takes of the machine."""

import json
import os
import pathlib
import re
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

TICK = os.sysconf("SC_CLK_TCK")
HERE = pathlib.Path(__file__).parent


class Server:
    """A process that answers on a port of its own until it is left."""

    def __init__(self, command, environment=None, log=subprocess.DEVNULL, ready="/"):
        self.port = free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self.command = [str(part).replace("{port}", str(self.port)) for part in command]
        self.environment = {name: value.replace("{port}", str(self.port))
                            for name, value in (environment or {}).items()}
        self.log, self.ready = log, ready

    def __enter__(self):
        begun = time.monotonic()
        self.process = subprocess.Popen(self.command, env={**os.environ, **self.environment},
                                        stdout=self.log, stderr=self.log)
        while True:
            try:
                self.ask(self.ready)
                break
            except (urllib.error.URLError, ConnectionError):
                if self.process.poll() is not None or time.monotonic() - begun > 60:
                    raise SystemExit(f"does not start: {' '.join(self.command)}")
                time.sleep(0.001)
        self.first_answer_ms = (time.monotonic() - begun) * 1e3
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()

    def ask(self, path, headers=None):
        """Body, headers and the bytes of both as they went over the wire."""
        request = urllib.request.Request(self.address + path,
                                         headers=headers or {})
        with urllib.request.urlopen(request) as answer:
            return answer.read(), answer.headers

    def cpu(self) -> float:
        """Seconds of a core used so far."""
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")")[-1].split()
        return (int(fields[11]) + int(fields[12])) / TICK

    def memory(self, which="VmHWM") -> float:
        """MiB of memory: at most since the last [forget], or now (VmRSS)."""
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(rf"{which}:\s+(\d+)", status)[1]) / 1024

    def forget_peak(self):
        pathlib.Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def doorkey(binary, database_url: str, folder: pathlib.Path) -> Server:
    """`doorkey serve` as it is run, with its log going into a file."""
    environment = {
        "DOORKEY_LISTEN": "127.0.0.1:{port}", "DOORKEY_PUBLIC_URL": "http://localhost:{port}",
        "DOORKEY_DATABASE_URL": database_url, "DOORKEY_DATA_DIR": str(folder),
        "DOORKEY_LIMITS": "off", "DOORKEY_TICKETS_AUTO_CLOSE_DAYS": "0",
    }
    log = tempfile.TemporaryFile(dir=folder)
    return Server([binary, "serve"], environment, log, ready="/readyz")


def request(path, headers=None, method="GET", body=""):
    """A line for wrk.lua."""
    return "\t".join([method, path, "|".join(f"{n}: {v}" for n, v in (headers or {}).items()), body])


def drive(server: Server, requests: list[str], seconds: float, clients: int) -> dict:
    """Sends the requests in turn over so many connections, as fast as they are answered."""
    with tempfile.NamedTemporaryFile("w", suffix=".tsv") as file:
        file.write("\n".join(requests) + "\n")
        file.flush()
        threads = min(2, clients)
        command = ["wrk", "-t", str(threads), "-c", str(clients), "-d", f"{round(seconds)}s", "--timeout",
                   "10s", "-s", HERE / "wrk.lua", server.address, "--", file.name]
        before = server.cpu()
        server.forget_peak()
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    result = json.loads(done.stdout.splitlines()[-1])
    cpu = server.cpu() - before
    result["per_second"] = result["requests"] / result["seconds"]
    result["cpu_us"] = cpu / max(1, result["requests"]) * 1e6
    result["cores"] = cpu / result["seconds"]
    result["peak_mib"] = server.memory()
    result["clients"] = clients
    return result
