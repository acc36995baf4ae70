# SPDX-License-Identifier: Apache-2.0
"""Networks that do not do what they should: silent, cut, held back."""
import queue
import select
import socket
import threading


class Hole:
    """Takes connections and never says a word."""

    def __init__(self, address):
        self.socket = socket.create_server((address, 5269), backlog=64)

    def stop(self):
        self.socket.close()


class Cut:
    """A network between others and the server at target; it can hold everything back, and break."""

    def __init__(self, address, target, port=5269, target_port=5269):
        self.target, self.pairs, self.held, self.ending = (target, target_port), {}, False, False
        self.listener = socket.create_server((address, port))
        self.wake, self.awake = socket.socketpair()
        self.orders = queue.Queue()
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        while not self.ending:
            sources = [self.awake] + ([] if self.held else [self.listener, *self.pairs])
            for source in select.select(sources, [], [])[0]:
                if source is self.awake:
                    source.recv(1)
                    order, done = self.orders.get()
                    order()
                    done.set()
                    break
                if source is self.listener:
                    one, other = self.listener.accept()[0], socket.create_connection(self.target)
                    self.pairs |= {one: other, other: one}
                elif source in self.pairs:
                    self.forward(source)

    def forward(self, source):
        try:
            data = source.recv(65536)
            if data:
                self.pairs[source].sendall(data)
                return
        except OSError:
            pass
        self.close(source)

    def close(self, source):
        other = self.pairs.pop(source)
        del self.pairs[other]
        source.close()
        other.close()

    def order(self, what):
        """Done by the thread: it alone has to do with the sockets."""
        done = threading.Event()
        self.orders.put((what, done))
        self.wake.send(b"x")
        done.wait()

    def hold(self, held=True):
        """Nothing passes, connections stay; or again."""
        self.order(lambda: setattr(self, "held", held))

    def break_all(self):
        """Every connection ends, with what is under way in it."""
        def close_all():
            while self.pairs:
                self.close(next(iter(self.pairs)))
        self.order(close_all)

    def stop(self):
        self.break_all()
        self.order(lambda: setattr(self, "ending", True))
        self.thread.join()
        for each in (self.listener, self.wake, self.awake):
            each.close()
