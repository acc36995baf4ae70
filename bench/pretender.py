# SPDX-License-Identifier: Apache-2.0
"""A server that does just what the load generator needs, or what it must not put up with. For the tests."""

import asyncio
import re
import threading

SM, MAM, MUC = "urn:xmpp:sm:3", "urn:xmpp:mam:2", "http://jabber.org/protocol/muc"
STREAM = "<stream:stream from='localhost' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>"
PIECES = re.compile(r"(?:<\?xml[^>]*>)?"
                    r"(<stream:stream[^>]*>|</stream:stream>|<(\w+)[^>]*/>|<(\w+)[^>]*[^/]>.*?</\3>)", re.S)


class Stream:
    def __init__(self, server, reader, writer):
        self.server, self.reader, self.writer = server, reader, writer
        server.writers.append(writer)
        self.user, self.authenticated = "", False
        self.handled = 0        # stanzas of the client

    def send(self, text):
        self.writer.write(text.encode())

    async def run(self):
        left = ""
        while more := await self.reader.read(65536):
            left += more.decode()
            used = 0
            for piece in PIECES.finditer(left):
                self.take(piece.group(1), piece.group(2) or piece.group(3))
                used = piece.end()
            left = left[used:]
        self.writer.close()

    def take(self, text, name):
        if name in ("message", "iq", "presence"):
            self.handled += 1
        if text.startswith("<stream:stream"):
            self.open()
        elif text == "</stream:stream>":
            self.send(text)
            self.writer.close()
        else:
            getattr(self, "on_" + name)(text)

    def open(self):
        inside = ("<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/><sm xmlns='%s'/>" % SM if self.authenticated else
                  "<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>PLAIN</mechanism></mechanisms>")
        self.send("%s<stream:features>%s</stream:features>" % (STREAM, inside))

    def on_auth(self, _text):
        self.authenticated = True
        self.send("<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>")

    def on_iq(self, text):
        identity = re.search(r" id='([^']*)'", text).group(1)
        if "<bind" in text:
            self.user = "u%d@localhost/bench" % len(self.server.streams)
            self.server.streams[self.user] = self
            inside = "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>%s</jid></bind>" % self.user
        elif MUC in text:
            self.server.forms.append(text)
            inside = ""
        else:
            self.server.queries.append(text)
            for _ in range(self.server.page):
                self.send("<message><result xmlns='%s' queryid='p'/></message>" % MAM)
            inside = "<fin xmlns='%s'/>" % MAM
        self.send("<iq type='result' id='%s'>%s</iq>" % (identity, inside))

    def on_presence(self, text):
        to = re.search(r" to='([^']*)'", text)
        if to and len(self.server.occupants) == self.server.room:
            self.send("<presence from='%s' type='error'/>" % to.group(1))
        elif to:
            self.enter(to.group(1))

    def enter(self, nick):
        """The room: all that came before are told, and told of."""
        for name, other in self.server.occupants.items():
            self.send("<presence from='%s'/>" % name)
            other.send("<presence from='%s'/>" % nick)
        self.server.occupants[nick] = self
        self.send("<presence from='%s'><x xmlns='%s#user'><status code='110'/></x></presence>" % (nick, MUC))
        if len(self.server.occupants) <= self.server.subjects:
            self.send("<message type='groupchat' from='%s'><subject/></message>" % nick.partition("/")[0])

    def on_message(self, text):
        if " type='groupchat'" in text:
            for other in self.server.occupants.values():
                other.send(text * self.server.copies)
            return
        self.server.streams[re.search(r" to='([^']*)'", text).group(1)].deliver(text)

    def deliver(self, text):
        self.send(text + "<r xmlns='%s'/>" % SM)

    def on_enable(self, _text):
        self.handled = 0
        self.send("<enabled xmlns='%s' id='%s' resume='true'/>" % (SM, self.user))

    def on_resume(self, _text):
        self.server.resumptions += 1
        self.send("<resumed xmlns='%s' h='1' previd='x'/>" % SM if self.server.resumes else
                  "<failed xmlns='%s'/>" % SM)

    def on_r(self, _text):
        self.send("<a xmlns='%s' h='%d'/>" % (SM, self.handled + self.server.lie))

    def on_a(self, text):
        self.server.acks.append(text)


class Pretender:
    """Runs on a thread of the test's own. lie: what it adds to each h; page: messages of each page; room: occupants
    that its room takes; subjects: how many of them get the subject; copies: of a message for each of them."""

    def __init__(self, resumes=True, lie=0, page=50, port=0, room=1000, subjects=1000, copies=1):
        self.resumes, self.lie, self.page, self.port = resumes, lie, page, port
        self.room, self.subjects, self.copies = room, subjects, copies
        self.streams, self.acks, self.queries, self.resumptions = {}, [], [], 0
        self.occupants, self.forms = {}, []
        self.writers = []
        self.loop = asyncio.new_event_loop()
        self.listening = threading.Event()
        self.thread = threading.Thread(target=self.loop.run_until_complete, args=(self.serve(),))

    async def serve(self):
        self.ended = asyncio.Event()
        server = await asyncio.start_server(lambda *ends: Stream(self, *ends).run(), "127.0.0.1", self.port)
        self.port = server.sockets[0].getsockname()[1]
        self.listening.set()
        await self.ended.wait()
        server.close()
        for writer in self.writers:
            writer.transport.abort()
        await asyncio.gather(*(asyncio.all_tasks() - {asyncio.current_task()}))

    def __enter__(self):
        self.thread.start()
        self.listening.wait()
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        """May be called twice."""
        if self.loop.is_closed():
            return
        self.loop.call_soon_threadsafe(self.ended.set)
        self.thread.join()
        self.loop.close()
