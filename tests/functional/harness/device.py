# SPDX-License-Identifier: Apache-2.0
"""A device as people have them: it comes back after whatever happened, and knows which messages it has seen."""
from . import match, ns, wait
from .client import StreamEnd
from .bookkeeper import Bookkeeper

CARBONS = "urn:xmpp:carbons:2"
FORWARD = "urn:xmpp:forward:0"
MAM = "urn:xmpp:mam:2"
RSM = "http://jabber.org/protocol/rsm"
SID = "urn:xmpp:sid:0"
MESSAGE = f"{{{ns.CLIENT}}}message"
BODY = f"{{{ns.CLIENT}}}body"
PAGE = 20


def mam_offered(client):
    info = client.iq("get", f"<query xmlns='{ns.DISCO_INFO}'/>", to=client.bare)
    return MAM in [each.get("var") for each in info.iter(f"{{{ns.DISCO_INFO}}}feature")]


class Device(Bookkeeper):
    def __init__(self, server, user, resource, managed=True, carbons=False, archive=False):
        super().__init__(server, user, resource)
        self.name = f"{user}/{resource}"
        self.is_managed, self.wants_carbons, self.has_archive = managed, carbons, archive
        self.last_known = None      # the archive's id of the last message that was seen in order
        self.archived = {}          # body -> id, from the archive

    # -- coming and going ------------------------------------------------------------------------------

    def arrive(self):
        """A new session."""
        self.login(manage=self.is_managed)
        if self.wants_carbons:
            assert self.iq("set", f"<enable xmlns='{CARBONS}'/>").get("type") == "result"
        self.presence()
        self.ping()
        return self

    def vanish(self):
        """Everything that came was read; then the connection is gone, and the server has noticed."""
        self.ping()
        self.drop()
        wait.until(self.is_away, f"the server knows that {self.name} is away")

    def is_away(self):
        if self.is_managed:
            return f"event=mgmt.away session={self.full} " in self.server.log.read_text()
        return self.resource not in self.server.ask("user_resources", self.user, self.host).split()

    def leave(self):
        self.close()

    def come_back(self):
        """Into the old session if there is one that can be resumed, else into a new one."""
        if not self.ended:
            return
        if self.id:
            self.resume()
        else:
            self.arrive()

    # -- messages --------------------------------------------------------------------------------------

    def message_of(self, stanza):
        """The message in a carbon; the stanza itself when it is none. None for what is no live message."""
        if stanza.tag != MESSAGE or stanza.find(f"{{{MAM}}}result") is not None:
            return None
        copy = stanza.find(f"{{{CARBONS}}}received/{{{FORWARD}}}forwarded/{MESSAGE}")
        return stanza if copy is None else copy

    def live_messages(self):
        made = (self.message_of(each) for each in self.arrived)
        return [each for each in made if each is not None and each.find(BODY) is not None
                and each.get("type") != "error"]

    @property
    def live(self):
        return [each.findtext(BODY) for each in self.live_messages()]

    def sees(self, body):
        return body in self.live or body in self.archived

    def read(self, body):
        self.until(lambda: body in self.live)

    def archive_id(self, message):
        ids = [each.get("id") for each in message.findall(f"{{{SID}}}stanza-id") if each.get("by") == self.bare]
        return ids[0] if ids else None

    def remember(self):
        """What is here now is seen in order."""
        ids = [self.archive_id(each) for each in self.live_messages()]
        if ids:
            self.last_known = ids[-1]

    def catch_up(self, *others):
        """Reads what is on its way from the others, and what the archive has behind the last known message."""
        self.settle(*(each for each in others if each is not self))
        after = self.last_known
        while self.has_archive:
            page, complete, last = self.page(after)
            self.archived.update(page)
            if complete or not last:
                break
            after = last

    def page(self, after):
        behind = f"<after>{match.escape(after)}</after>" if after else ""
        query = f"m{next(self.ids)}"
        answer = self.iq("set", f"<query xmlns='{MAM}' queryid='{query}'>"
                                f"<set xmlns='{RSM}'><max>{PAGE}</max>{behind}</set></query>")
        fin = answer.find(f"{{{MAM}}}fin")
        results = [each for each in (stanza.find(f"{{{MAM}}}result") for stanza in self.arrived)
                   if each is not None and each.get("queryid") == query]
        page = {each.find(f".//{MESSAGE}").findtext(BODY): each.get("id") for each in results}
        assert len(page) == len(results), "the archive has a message twice"
        return page, fin.get("complete") in ("true", "1"), fin.findtext(f"{{{RSM}}}set/{{{RSM}}}last")

    def contradictions(self):
        """What does not fit together in what it saw."""
        ids = {}
        for message in self.live_messages():
            body, id = message.findtext(BODY), self.archive_id(message)
            if self.has_archive and not id:
                yield f"'{body}' came without an id of the archive"
            if id and ids.setdefault(id, body) != body:
                yield f"'{body}' has the id of '{ids[id]}'"
            if body in self.archived and self.archived[body] != id:
                yield f"'{body}' has the id {self.archived[body]} in the archive, and came with {id}"
