# SPDX-License-Identifier: Apache-2.0
"""Sentences about chat rooms (XEP-0045) in scenarios; tests/scenarios/muc/README.md describes them."""
from . import match, ns, wait
from .client import Client
from .stream import show

FORM = "http://jabber.org/protocol/muc#roomconfig"
MUC, USER = "http://jabber.org/protocol/muc", "http://jabber.org/protocol/muc#user"
RSM = "http://jabber.org/protocol/rsm"
ADMIN, OWNER = "http://jabber.org/protocol/muc#admin", "http://jabber.org/protocol/muc#owner"

# What scenarios may write instead of the long names: {ns.muc}, {ns.user} and so on.
NAMES = {"ns.muc": MUC, "ns.user": USER, "ns.admin": ADMIN, "ns.owner": OWNER, "ns.data": ns.DATA,
         "ns.delay": ns.DELAY, "ns.info": ns.DISCO_INFO, "ns.items": ns.DISCO_ITEMS,
         "ns.register": ns.REGISTER, "ns.errors": ns.STANZA_ERRORS, "ns.ping": ns.PING,
         "ns.occupant": "urn:xmpp:occupant-id:0", "ns.config": FORM,
         "ns.request": "http://jabber.org/protocol/muc#request"}


def service(server):
    return f"conference.{server.host}"


def is_named(element, kind):
    return element.tag == f"{{{ns.CLIENT}}}{kind}"


def codes(presence):
    return sorted(int(each.get("code")) for each in presence.findall(f"{{{USER}}}x/{{{USER}}}status"))


def is_subject(element):
    return (is_named(element, "message") and element.find(f"{{{ns.CLIENT}}}subject") is not None
            and element.find(f"{{{ns.CLIENT}}}body") is None)


def form(options):
    """A submitted configuration form; options are pairs of a field's name and its values."""
    fields = "".join(f"<field var='{match.escape(name)}'>"
                     + "".join(f"<value>{match.escape(each)}</value>" for each in values) + "</field>"
                     for name, values in options)
    kind = f"<field var='FORM_TYPE' type='hidden'><value>{FORM}</value></field>" if fields else ""
    return f"<query xmlns='{OWNER}'><x xmlns='{ns.DATA}' type='submit'>{kind}{fields}</x></query>"


def options_of(block):
    """Lines "membersonly: 1"; a name without "#" is one of muc#roomconfig_; values stand between commas."""
    for line in block.split("\n"):
        name, colon, values = line.strip().partition(":")
        if colon:
            name = name if "#" in name else f"muc#roomconfig_{name}"
            yield name, [each.strip() for each in values.split(",") if each.strip()]


def insist(answer):
    """A request that has to succeed did."""
    assert answer.get("type") == "result", show(answer)
    return answer


def join(client, room, nick, password=None):
    """Enter the room; what came up to and including one's own presence is dropped, which is returned."""
    secret = f"<password>{match.escape(password)}</password>" if password else ""
    client.presence(f"to='{match.escape(f'{room}/{nick}')}'", f"<x xmlns='{MUC}'>{secret}</x>")
    mine = client.take(lambda each: is_named(each, "presence") and each.get("from", "").startswith(room)
                       and (each.get("type") == "error" or 110 in codes(each)))
    assert mine.get("type") is None, f"{client.name} does not get into {room}:\n{show(mine)}"
    client.take(is_subject)
    return mine


def create(client, room, nick, options=()):
    """A new room with these options, open to everybody else."""
    mine = join(client, room, nick)
    assert 201 in codes(mine), f"{room} is not new:\n{show(mine)}"
    insist(client.iq("set", form(options), to=room))


def fence(client, room):
    """The room has handled what the client sent. It is asked again where a request is lost in the room's end."""
    asked = set()
    for patience in (5, None):
        id = f"room-fence{next(client.ids)}"
        asked.add(id)
        client.send(f"<iq type='get' id='{id}' to='{match.escape(room)}'>"
                    f"<query xmlns='{ns.DISCO_INFO}'/></iq>")
        try:
            return client.take(lambda each: each.get("id") in asked, patience)
        except wait.Timeout:
            if patience is None:
                raise


class Guest(Client):
    """Takes no notice of the presence that some services send for the room itself, with its capabilities."""

    def _next_event(self, timeout):
        while True:
            kind, element = super()._next_event(timeout)
            if kind != "stanza" or not self.is_of_room(element):
                return kind, element

    def settle(self, *senders, via=None):
        return [each for each in super().settle(*senders, via=via) if not self.is_of_room(each)]

    def is_of_room(self, element):
        user, at, rest = element.get("from", "").partition("@")
        return (is_named(element, "presence") and rest == service(self.server)
                and element.get("type") in (None, "unavailable"))


class RoomSentences:
    """For Play: needs self.cast, self.values, self.actor()."""

    def open_rooms(self, names):
        self.values |= NAMES | {"muc": service(self.server)}
        for name in names:
            self.values[name] = f"{self.server.unique(name)}@{service(self.server)}"
            self.cast.rooms.append(self.values[name])
        self.nicks, self.asked = {}, {}

    def address(self, text):
        return self.values[text] if text in self.values else match.fill(text, self.values)

    # -- coming and going ----------------------------------------------------------------------

    def creates(self, name, room, nick, block=""):
        filled = match.fill(block, self.values)
        create(self.actor(name), self.address(room), nick, list(options_of(filled)))
        self.nicks[name, room] = nick
        self.cast.settle()

    def enters(self, name, room, nick, password=None):
        join(self.actor(name), self.address(room), nick, password)
        self.nicks[name, room] = nick
        self.cast.settle()

    def leaves(self, name, room, nick=None):
        address = f"{self.address(room)}/{nick or self.nicks.pop((name, room))}"
        self.actor(name).presence(f"to='{match.escape(address)}' type='unavailable'")
        self.actor(name).take(lambda each: each.get("from") == address and each.get("type") == "unavailable")
        self.cast.settle()

    # -- requests ------------------------------------------------------------------------------

    def configures(self, name, room, block):
        filled = match.fill(block, self.values)
        insist(self.actor(name).iq("set", form(list(options_of(filled))), to=self.address(room)))
        self.cast.settle()

    def affiliates(self, name, other, affiliation, room):
        item = f"<item affiliation='{affiliation}' jid='{self.values[other + '.bare']}'/>"
        self.change(name, room, item)

    def gives_role(self, name, nick, role, room):
        self.change(name, room, f"<item role='{role}' nick='{match.escape(nick)}'/>")

    def change(self, name, room, item):
        insist(self.actor(name).iq("set", f"<query xmlns='{ADMIN}'>{item}</query>", to=self.address(room)))
        self.cast.settle()

    def asks(self, name, verb, address, block):
        address = self.address(address)
        kind = {"gets from": "get", "sets in": "set"}[verb]
        answer = self.actor(name).iq(kind, match.fill_xml(block, self.values).strip(), to=address)
        self.asked[name] = (address, answer)

    def is_answered(self, name, block=""):
        address, answer = self.asked.pop(name)
        assert answer.get("from") == address, f"not from {address}:\n{show(answer)}"
        insist(answer)
        if block:
            pattern, = match.patterns(f"<iq>{block}</iq>", self.values)
            match.match(pattern, answer, self.values)

    def is_refused(self, name, kind, conditions, sender=None):
        """The answer to the request, or else the next stanza, is an error."""
        address, answer = self.asked.pop(name, (None, None))
        address = self.address(sender) if sender else address
        answer = self.actor(name).recv() if answer is None else answer
        error = answer.find(f"{{{ns.CLIENT}}}error")
        assert answer.get("type") == "error" and error is not None, f"no error:\n{show(answer)}"
        found = {each.tag.partition("}")[2] for each in error if ns.STANZA_ERRORS in each.tag}
        assert found & set(conditions.split(" or ")), f"wanted {conditions}:\n{show(answer)}"
        assert not kind or error.get("type") == kind, f"wanted the type {kind}:\n{show(answer)}"
        assert not address or answer.get("from") == address, f"not from {address}:\n{show(answer)}"

    def does_not_find(self, name, room):
        """On the service's list of rooms, read to its end."""
        after = ""
        while True:
            paging = f"<set xmlns='{RSM}'>{after}</set>" if after else ""
            answer = insist(self.actor(name).iq("get", f"<query xmlns='{ns.DISCO_ITEMS}'>{paging}</query>",
                                                to=service(self.server)))
            found = [each.get("jid") for each in answer.iter(f"{{{ns.DISCO_ITEMS}}}item")]
            assert self.address(room) not in found, f"{room} is listed:\n{show(answer)}"
            last = answer.findtext(f".//{{{RSM}}}last")
            if not found or not last:
                return
            after = f"<after>{match.escape(last)}</after>"

    # -- what occupants see and hear -----------------------------------------------------------

    def sees(self, name, nick, room, affiliation, role, jid=None, statuses=None):
        self.presence(name, nick, room, f"affiliation='{affiliation}' role='{role}'", jid, statuses)

    def sees_leave(self, name, nick, room, affiliation, jid=None, statuses=None):
        item = f"affiliation='{affiliation}' role='none'"
        self.presence(name, nick, room, item, jid, statuses, "unavailable")

    def sees_leave_at_last(self, name, nick, room, affiliation, jid=None, statuses=None):
        address, client = f"{self.address(room)}/{nick}", self.actor(name)
        left = client.take(lambda each: each.get("from") == address and each.get("type") == "unavailable")
        client.events = [("stanza", left)]
        self.sees_leave(name, nick, room, affiliation, jid, statuses)

    def sees_become(self, name, nick, new, room, statuses=None):
        item = f"nick='{match.escape(new)}'"
        statuses = f"303 {statuses or ''}"
        self.presence(name, nick, room, item, None, statuses, "unavailable")

    def presence(self, name, nick, room, item, jid, statuses, kind="{none}"):
        known = {"hidden": "jid='{none}'", None: ""}
        jid = known[jid] if jid in known else f"jid='{match.escape(self.address(jid.removeprefix('at ')))}'"
        address = match.escape(f"{self.address(room)}/{nick}")
        statuses = "".join(f"<status code='{each}'/>" for each in (statuses or "").split())
        self.actor(name).expect(
            f"<presence from='{address}' type='{kind}'>{{more}}<x xmlns='{USER}'>"
            f"<item {item} {jid}>{{more}}</item>{statuses}</x></presence>", **self.values)

    def says(self, name, text, room):
        self.actor(name).message(self.address(room), match.escape(text), "groupchat")

    def hears(self, name, text, nick, room):
        address = match.escape(f"{self.address(room)}/{nick}")
        self.actor(name).expect(
            f"<message from='{address}' type='groupchat'>{{more}}<body>{match.escape(text)}</body></message>",
            **self.values)

    def hears_codes(self, name, wanted, room):
        """Messages of the room with these codes and no others than 104, in one or in several."""
        address, found = self.address(room), set()
        while not set(wanted.split()) <= found:
            got = self.actor(name).recv()
            new = {each.get("code") for each in got.findall(f"{{{USER}}}x/{{{USER}}}status")}
            right = is_named(got, "message") and got.get("from") == address and got.get("type") == "groupchat"
            assert right and new and new <= {"104", *wanted.split()}, f"wanted {wanted}:\n{show(got)}"
            found |= new

    def takes_to_subject(self, name, subject, room):
        got = self.actor(name).take(is_subject)
        assert got.findtext(f"{{{ns.CLIENT}}}subject") == subject, show(got)
        assert got.get("from").startswith(self.address(room)), show(got)

    SEEN = r"(?: (hidden|at \S+))?(?: with ([\d ]+))?"
    ROOM_SENTENCES = [
        (r"(\w+) creates (\w+) as (\S+)(?: with)?", creates),
        (r"(\w+) enters (\w+) as (\S+)", enters),
        (r"(\w+) enters (\w+) as (\S+) with the password (\S+)", enters),
        (r"(\w+) leaves (\w+)(?: as (\S+))?", leaves),
        (r"(\w+) configures (\w+) with", configures),
        (r"(\w+) makes (\w+) (owner|admin|member|outcast|none) of (\w+)", affiliates),
        (r"(\w+) gives (\S+) the role (\w+) in (\w+)", gives_role),
        (r"(\w+) (gets from|sets in) (\S+)", asks),
        (r"(\w+) asks for the rooms and does not find (\w+)", does_not_find),
        (r"(\w+) is answered(?: with)?", is_answered),
        (r"(\w+) is refused with (?:(auth|cancel|modify|wait) )?([\w-]+(?: or [\w-]+)*)", is_refused),
        (r"(\w+) is refused with (?:(auth|cancel|modify|wait) )?([\w-]+(?: or [\w-]+)*) by (\S+)", is_refused),
        (r"(\w+) sees (\S+) of (\w+) as (\w+) (\w+)" + SEEN, sees),
        (r"(\w+) sees (\S+) leave (\w+) as (\w+)" + SEEN, sees_leave),
        (r"(\w+) at last sees (\S+) leave (\w+) as (\w+)" + SEEN, sees_leave_at_last),
        (r"(\w+) sees (\S+) become (\S+) in (\w+)(?: with ([\d ]+))?", sees_become),
        (r"(\w+) hears of the codes ([\d ]+) in (\w+)", hears_codes),
        (r"(\w+) takes everything up to the subject \"(.*)\" in (\w+)", takes_to_subject),
        (r"(\w+) says \"(.*)\" in (\w+)", says),
        (r"(\w+) hears \"(.*)\" from (\S+) in (\w+)", hears),
    ]
