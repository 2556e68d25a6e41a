"""A mail server that does its worst as dice say, and notes every attempt at handing it a mail."""

import contextlib
import random
import re
import select
import socket
import ssl
import struct
import subprocess
import threading
import time

TAKEN = "250 2.0.0 Taken"
# What a server says when it takes a mail, but ends the line as no server may.
TAKEN_BADLY = b"250 2.0.0 Taken\n"
# So long a server that says nothing waits for the other side to hang up.
SILENCE = 120.0
MESSAGE_ID = re.compile(rb"^Message-ID:\s*<([^>]+)>", re.IGNORECASE | re.MULTILINE)
END = b"\r\n.\r\n"

PASSING = ("421 4.3.2 Later", "451 4.3.0 Later", "452 4.2.2 Full")
FINAL = ("550 5.1.1 Nobody", "552 5.3.4 Too large")


class Gone(Exception):
    """The conversation is over."""


class Attempt:
    """One recipient that was named, and how far it went."""

    def __init__(self, recipient, way, life):
        self.recipient, self.way, self.life = recipient, way, life
        self.begun = time.monotonic()
        self.message_id = self.arrived = self.content = None
        self.answer = None  # the status that was given at its end; None if it was hidden
        self.unclear = False  # whether an answer was given of which nobody knows how it is read

    @property
    def is_final(self):
        """Whether Doorkey was told that it must not try again."""
        return self.answer is not None and (self.answer == 250 or self.answer >= 500)


class Dice:
    """Says what goes wrong at a step: for each, a list of a chance and its faults. A seed gives the same
    throws, though not to the same mails: who throws first depends on the machine."""

    def __init__(self, seed, chances, rare=()):
        self.random, self.chances = random.Random(seed), chances
        self.rare = list(rare)  # steps and faults that happen once each
        self.thrown, self.lock = {}, threading.Lock()

    def throw(self, step):
        with self.lock:
            fault = self._rare(step) or self._common(step)
            if fault:
                word = f"{step}: {fault.split()[0]}"
                self.thrown[word] = self.thrown.get(word, 0) + 1
            return fault

    def _rare(self, step):
        for place, (due, fault) in enumerate(self.rare):
            if due == step:
                del self.rare[place]
                return fault
        return None

    def _common(self, step):
        luck = self.random.random()
        for chance, faults in self.chances.get(step, ()):
            if luck < chance:
                return self.random.choice(faults)
            luck -= chance
        return None


class Same:
    """Dice that always fall the same way, until they are turned: a fault for each step."""

    def __init__(self, **faults):
        self.faults, self.thrown = faults, {}

    def throw(self, step):
        return self.faults.get(step)


class Server:
    """Listens until it is closed. With a folder, a conversation must begin TLS with the certificate made
    there. It can have several ways in, one for each process, to tell them apart."""

    def __init__(self, dice=None, folder=None, ways=1, keep=False):
        self.dice, self.keep = dice or Dice(0, {}), keep
        self.tls = certificate(folder) if folder else None
        self.authority = folder / "ca.pem" if folder else None
        self.life = 0  # which life of Doorkey this is, as the rig counts them
        self.attempts, self.under_way, self.overlaps = [], {}, []
        self.open, self.most_open = 0, 0
        self.held, self.lock, self.closed = set(), threading.Lock(), False
        self.listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(ways)]
        for way in range(ways):
            threading.Thread(target=self._listen, args=(way,), daemon=True).start()

    def url(self, way=0):
        """The setting that leads here."""
        port = self.listeners[way].getsockname()[1]
        return f"smtp://localhost:{port}" + (f"?ca={self.authority}" if self.tls else "?tls=none")

    def hold(self, step):
        """Lets every conversation wait before its answer at this step."""
        self.held.add(step)

    def release(self, step=None):
        """Goes on, at this step or at all."""
        self.held.difference_update([step] if step else set(self.held))

    def arrived(self):
        """Attempts whose final dot was received, in their order."""
        with self.lock:
            return sorted((it for it in self.attempts if it.arrived), key=lambda it: it.arrived)

    def _listen(self, way):
        while not self.closed:
            with contextlib.suppress(OSError):
                stream, _ = self.listeners[way].accept()
                stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                threading.Thread(target=Conversation(self, stream, way).run, daemon=True).start()

    def close(self):
        self.closed = True
        self.release()
        for listener in self.listeners:
            # Closing alone does not wake who waits in accept.
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Conversation:
    """One connection, from its greeting to its end."""

    def __init__(self, server, stream, way):
        self.server, self.stream, self.way, self.life = server, stream, way, server.life
        self.buffer, self.attempt = b"", None

    def run(self):
        with self.server.lock:
            self.server.open += 1
            self.server.most_open = max(self.server.most_open, self.server.open)
        try:
            self._talk()
        except (Gone, OSError):
            pass
        finally:
            self._over()
            self.stream.close()
            with self.server.lock:
                self.server.open -= 1

    def _talk(self):
        self._answer("greeting", "220 rig.example ESMTP")
        while True:
            line = self._line()
            verb = line.upper()
            if verb.startswith("EHLO"):
                is_plain = self.server.tls and not isinstance(self.stream, ssl.SSLSocket)
                self._say("250-rig.example\r\n250-STARTTLS\r\n250 8BITMIME" if is_plain
                          else "250-rig.example\r\n250 8BITMIME")
            elif verb == "STARTTLS":
                self._begin_tls()
            elif verb.startswith("MAIL FROM:"):
                self._over()
                self._answer("sender", "250 2.1.0 OK")
            elif verb.startswith("RCPT TO:"):
                self._begin(line[line.index("<") + 1:line.index(">")])
                self._answer("recipient", "250 2.1.5 OK")
            elif verb == "DATA":
                if self._answer("data", "354 Go on"):
                    self._take()
            elif verb == "QUIT":
                self._say("221 2.0.0 Bye")
                raise Gone
            else:
                if verb == "RSET":
                    self._over()
                self._say("250 2.0.0 OK")

    def _begin_tls(self):
        self._say("220 2.0.0 Go ahead")
        if self.server.dice.throw("tls"):
            self._write(b"\x15\x03\x03\x00\x02\x02\x28 this is no handshake")
            raise Gone
        self.stream = self.server.tls.wrap_socket(self.stream, server_side=True)

    def _begin(self, recipient):
        self.attempt = Attempt(recipient, self.way, self.life)
        with self.server.lock:
            self.server.attempts.append(self.attempt)
            if recipient in self.server.under_way:
                self.server.overlaps.append(recipient)
            self.server.under_way[recipient] = self

    def _over(self):
        """The attempt, if there is one, is not under way any more."""
        if self.attempt:
            with self.server.lock:
                if self.server.under_way.get(self.attempt.recipient) is self:
                    del self.server.under_way[self.attempt.recipient]
            self.attempt = None

    def _take(self):
        """Reads a mail to its dot, notes it, and answers."""
        if self.server.dice.throw("content"):
            self._reset()
        while END not in self.buffer:
            self._read()
        content, self.buffer = self.buffer.split(END, 1)
        found = MESSAGE_ID.search(content)
        self.attempt.message_id = found.group(1).decode() if found else None
        self.attempt.content = content if self.server.keep else None
        self.attempt.arrived = time.monotonic()
        self._answer("dot", TAKEN)

    def _answer(self, step, usual):
        """Answers as usual, unless the dice are against it. Whether it was as usual."""
        while step in self.server.held:
            self._wait(0.02)
        fault = self.server.dice.throw(step)
        if fault and fault.startswith("delay"):
            self._wait(float(fault.split()[1]))
            fault = None
        if fault and not fault[0].isdigit():
            getattr(self, "_" + fault.replace(" ", "_"))()
        answer = fault or usual
        ends = step == "dot" or (self.attempt and not answer.startswith(("2", "3")))
        if ends:
            # Noted before it is said: who reads it may be quicker than the note.
            self.attempt.answer = int(answer[:3])
            attempt = self.attempt
            self._over()
            try:
                self._say(answer)
            except OSError:
                attempt.answer = None
                raise
        else:
            self._say(answer)
        if answer.startswith("421"):
            raise Gone
        return not fault

    # The faults, by their names.

    def _close(self):
        raise Gone

    def _reset(self):
        # A linger of no time makes closing a reset.
        self.stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raise Gone

    def _half_close(self):
        if isinstance(self.stream, ssl.SSLSocket):
            self.stream = self.stream.unwrap()
        self.stream.shutdown(socket.SHUT_WR)
        self._wait(1)
        raise Gone

    def _silence(self):
        self._wait(SILENCE)
        raise Gone

    def _garbage(self):
        self._write(b"\x00\xff\xfe?? \x80 2 5 0\r\n-\r\n")
        self._wait(1)
        raise Gone

    def _bare_cr(self):
        self._write(b"250 OK\r")
        self._wait(1)
        raise Gone

    def _bare_lf(self):
        """Says that a mail is taken, in a way that nobody need understand."""
        if self.attempt:
            self.attempt.unclear = True
        self._write(TAKEN_BADLY)
        self._wait(1)
        raise Gone

    # The stream.

    def _wait(self, seconds):
        """Time passes, unless the other side hangs up: it has nothing to say before it is answered."""
        if self.buffer or select.select([self.stream], [], [], seconds)[0] or self.server.closed:
            raise Gone

    def _line(self):
        while b"\r\n" not in self.buffer:
            self._read()
        line, self.buffer = self.buffer.split(b"\r\n", 1)
        return line.decode("utf-8", "replace")

    def _read(self):
        more = self.stream.recv(65536)
        if not more:
            raise Gone
        self.buffer += more

    def _say(self, line):
        self._write(line.encode() + b"\r\n")

    def _write(self, data):
        self.stream.sendall(data)


def certificate(folder):
    """TLS for `localhost`, by an authority that is made in the folder with it."""
    script = """
        curve='-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes'
        openssl req -x509 $curve -days 2 -subj '/CN=Rig authority' -keyout ca-key.pem -out ca.pem \
            -addext 'basicConstraints=critical,CA:TRUE'
        openssl req $curve -subj '/CN=localhost' -keyout key.pem -out request.pem
        printf 'subjectAltName=DNS:localhost\\nbasicConstraints=CA:FALSE\\n' > extensions
        openssl x509 -req -in request.pem -CA ca.pem -CAkey ca-key.pem -CAcreateserial -days 2 \
            -extfile extensions -out cert.pem"""
    subprocess.run(["sh", "-ec", script], cwd=folder, check=True, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return tls
