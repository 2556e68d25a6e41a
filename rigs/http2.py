"""HTTP/2 over TLS, frame by frame: what no library sends because it is wrong, and what may go wrong at it."""

import socket
import ssl
import struct
import time

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = 0, 1, 3, 4, 6, 7, 8, 9
END_STREAM, ACK, END_HEADERS = 1, 1, 4
CANCEL = struct.pack(">I", 8)
HEADER_TABLE_SIZE, INITIAL_WINDOW_SIZE = 1, 4


def frame(kind, flags=0, stream=0, payload=b""):
    """One frame on the wire."""
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def integer(value, bits, first=0):
    """HPACK's integer with a prefix of so many bits."""
    most = (1 << bits) - 1
    if value < most:
        return bytes([first | value])
    coded = [first | most]
    value -= most
    while value >= 128:
        coded.append(value % 128 + 128)
        value //= 128
    return bytes([*coded, value])


def text(value):
    """HPACK's string, without Huffman's code."""
    value = value if isinstance(value, bytes) else value.encode()
    return integer(len(value), 7) + value


def field(name, value, indexed=False):
    """A literal field; an indexed one is kept in the other side's table."""
    return (b"\x40" if indexed else b"\x00") + text(name) + text(value)


def head(path="/healthz", method="GET", authority="localhost", more=b""):
    """The header block of a request."""
    return (b"\x02" + text(method) + b"\x87" + b"\x04" + text(path) + b"\x01" + text(authority) + more)


def request(stream, path="/healthz", method="GET", flags=END_STREAM | END_HEADERS, more=b""):
    """A request's first frame."""
    return frame(HEADERS, flags, stream, head(path, method, more=more))


def encrypted(port, host="127.0.0.1", protocols=("h2",), source="", timeout=60.0):
    """A TLS connection that trusts whomever it meets."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(list(protocols))
    plain = socket.create_connection((host, port), timeout, (source, 0))
    # Frames here are meant to leave as they are written.
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return context.wrap_socket(plain, server_hostname="localhost")


class Connection:
    """An HTTP/2 connection whose every byte is the caller's to choose."""

    def __init__(self, port, settings=(), source="", host="127.0.0.1"):
        self.socket = encrypted(port, host, source=source)
        self.unread = b""
        self.closed = False
        self.refusal = None  # the code of the server's GOAWAY
        # Without a table of its own, each of the server's header blocks can be read for itself.
        settings = [(HEADER_TABLE_SIZE, 0), *settings]
        pairs = b"".join(struct.pack(">HI", name, value) for name, value in settings)
        self.send(PREFACE + frame(SETTINGS, payload=pairs) + frame(SETTINGS, ACK))

    def send(self, data, patience=5.0):
        """Whether all of it went out; false once the server closed, or takes no more."""
        if self.closed:
            return False
        self.socket.settimeout(patience)
        try:
            self.socket.sendall(data)
            return True
        except TimeoutError:
            return False
        except OSError:
            self.closed = True
            return False

    def frames(self, patience):
        """The frames that come until nothing came for so long, or the server closed."""
        ends = time.monotonic() + patience
        while not self.closed:
            while len(self.unread) >= 9:
                size = int.from_bytes(self.unread[:3], "big")
                if len(self.unread) < 9 + size:
                    break
                kind, flags, stream = struct.unpack(">BBI", self.unread[3:9])
                payload, self.unread = self.unread[9:9 + size], self.unread[9 + size:]
                if kind == GOAWAY:
                    self.refusal = int.from_bytes(payload[4:8], "big")
                ends = time.monotonic() + patience
                yield kind, flags, stream, payload
            left = ends - time.monotonic()
            if left <= 0:
                return
            self.socket.settimeout(left)
            try:
                more = self.socket.recv(65536)
            except TimeoutError:
                return
            except OSError:
                more = b""
            self.closed = not more
            self.unread += more

    def drain(self, patience=0.001):
        """Reads what there is; how many frames."""
        return sum(1 for _ in self.frames(patience))

    def pongs(self, patience):
        """Says that it is there, as often as it is asked."""
        for kind, flags, _, payload in self.frames(patience):
            if kind == PING and not flags & ACK:
                self.send(frame(PING, ACK, 0, payload))

    def statuses(self, count, patience):
        """The statuses of so many answers, by stream."""
        found = {}
        for kind, flags, stream, payload in self.frames(patience):
            if kind == HEADERS:
                found[stream] = status(payload)
            elif kind == PING and not flags & ACK:
                self.send(frame(PING, ACK, 0, payload))
            if len(found) >= count:
                break
        return found

    def close(self):
        self.socket.close()


def status(block):
    """The status that an answer's header block begins with."""
    known = {8: 200, 9: 204, 10: 206, 11: 304, 12: 400, 13: 404, 14: 500}
    block = block.lstrip(b"\x20")  # the table's new size
    if block[0] & 0x80:
        return known.get(block[0] & 0x7f)
    # A literal with the name `:status`; Huffman's code of three digits is told by its bits.
    length, value = block[1] & 0x7f, block[2:2 + (block[1] & 0x7f)]
    if not block[1] & 0x80:
        return int(value)
    bits = "".join(f"{byte:08b}" for byte in value[:length])
    digits = ""
    while len(digits) < 3:
        # RFC 7541, appendix B: 0, 1 and 2 take five bits, the others six.
        size = 5 if bits[:5] in ("00000", "00001", "00010") else 6
        code, bits = bits[:size], bits[size:]
        digits += str(int(code, 2)) if size == 5 else str(int(code, 2) - 0x19 + 3)
    return int(digits)
