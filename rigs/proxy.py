"""A TCP proxy whose connections can be cut."""

import socket
import threading


class Proxy:
    """Hands everything on to a port of this machine, both ways, until it is left."""

    def __init__(self, target):
        self.target = target
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.open = set()
        self.lock = threading.Lock()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(("127.0.0.1", self.target))
            except OSError:
                client.close()
                continue
            with self.lock:
                self.open |= {client, server}
            for pair in [(client, server), (server, client)]:
                threading.Thread(target=self.hand_on, args=pair, daemon=True).start()

    def hand_on(self, source, target):
        try:
            while content := source.recv(65536):
                target.sendall(content)
        except OSError:
            pass
        self.end(source)
        self.end(target)

    def end(self, connection):
        with self.lock:
            if connection in self.open:
                self.open.remove(connection)
                end_at_once(connection)

    def cut(self):
        """Ends every connection, whatever is on its way; how many there were."""
        with self.lock:
            cut, self.open = self.open, set()
        for connection in cut:
            end_at_once(connection)
        return len(cut) // 2

    def __enter__(self):
        threading.Thread(target=self.accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        end_at_once(self.listener)
        self.cut()


def end_at_once(connection):
    """Wakes whoever reads from it; closing alone would not."""
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
    connection.close()
