# SPDX-License-Identifier: Apache-2.0
"""Scenario files (*.scn): named actors who send and receive. tests/README.md has the language."""
import re
import textwrap

from . import match, ns
from .actors import Cast
from .rooms import Guest, RoomSentences
from .stream import show

SECTION = re.compile(r"\[(\w+)\]$")
ACTOR = re.compile(r"(\w+):\s*([^@\s]+)@\{host\}/(\S+)(\s+without account)?$")
ROOM = re.compile(r"\w+$")
LICENSE = "SPDX-License-Identifier: Apache-2.0"
DIFFERS = re.compile(r"(\w+):\s*(.+)$")


class ScenarioError(Exception):
    pass


class Scenario:
    """The parsed file: title, actors {name: (user, resource, exists)}, friends, rooms, differs, steps."""

    def __init__(self, path):
        self.path, self.title = path, ""
        self.actors, self.friends, self.rooms, self.differs, self.needs = {}, [], [], {}, None
        self.steps = []                 # (line number, sentence, block of text)
        self._read(path.read_text().splitlines())

    def _read(self, lines):
        section = None
        for number, line in enumerate(lines, 1):
            bare = line.strip()
            if line[:1] in (" ", "\t") and bare:
                self._block(number, line)
            elif not bare or bare.startswith("#"):
                self.title = self.title or bare.lstrip("# ").replace(LICENSE, "")
            elif SECTION.match(bare):
                section = SECTION.match(bare).group(1)
            elif not self._declaration(section, bare):
                section = None
                self.steps.append((number, bare.removesuffix(":"), ""))

    def _block(self, number, line):
        if not self.steps:
            raise ScenarioError(f"{self.path}:{number}: indented text belongs to no step")
        at, sentence, text = self.steps[-1]
        self.steps[-1] = (at, sentence, text + line + "\n")

    def _declaration(self, section, line):
        if section == "actors" and ACTOR.match(line):
            name, user, resource, missing = ACTOR.match(line).groups()
            self.actors[name] = (user, resource, not missing)
        elif section == "differs" and DIFFERS.match(line):
            server, reason = DIFFERS.match(line).groups()
            self.differs[server] = reason
        elif section == "friends" and [name in self.actors for name in line.split()] == [True, True]:
            self.friends.append(tuple(line.split()))
        elif section == "rooms" and ROOM.match(line):
            self.rooms.append(line)
        elif section == "needs":
            self.needs = line
        else:
            return False
        return True


class Play(RoomSentences):
    """One performance of a scenario on one server."""

    def __init__(self, scenario, server):
        self.scenario, self.server, self.cast = scenario, server, Cast(server)
        self.values, self.clients = {"host": server.host}, {}
        self.open_rooms(scenario.rooms)

    def run(self):
        for name, (user, resource, exists) in self.scenario.actors.items():
            account = self.cast.account(user, exists)
            self.values |= {f"{name}.user": account, f"{name}.resource": resource,
                            f"{name}.bare": f"{account}@{self.server.host}",
                            f"{name}.full": f"{account}@{self.server.host}/{resource}"}
            if exists:
                client = self.cast.client(user, resource, kind=Guest)
                client.name, client.values = name, self.values
                self.clients[name] = client
        for one, other in self.scenario.friends:
            self.cast.friends(*(self.scenario.actors[name][0] for name in (one, other)))
        for number, sentence, block in self.scenario.steps:
            try:
                self.step(sentence, textwrap.dedent(block))
            except (AssertionError, OSError) as problem:
                raise AssertionError(f"{self.scenario.path}:{number}: {sentence}\n"
                                     f"{problem}") from problem

    def step(self, sentence, block):
        for expression, method in self.SENTENCES:
            found = re.fullmatch(expression, sentence)
            if found:
                return method(self, *found.groups(), *([block] if block else []))
        raise ScenarioError(f"{self.scenario.path}: what does this mean: {sentence}")

    def actor(self, name):
        if name not in self.clients:
            raise ScenarioError(f"{self.scenario.path}: no actor is called {name}")
        return self.clients[name]

    # -- sentences -----------------------------------------------------------------------------

    def connects(self, name):
        self.actor(name).online()

    def connects_silently(self, name):
        self.actor(name).login()

    def connects_with_priority(self, name, priority):
        self.actor(name).online(priority=priority)

    def asks_for_roster(self, name):
        self.actor(name).iq("get", f"<query xmlns='{ns.ROSTER}'/>")

    def sends(self, name, block):
        self.actor(name).send(match.fill_xml(block, self.values).strip())

    def receives(self, name, block):
        self.actor(name).expect(block, **self.values)

    def receives_unordered(self, name, block):
        wanted = match.patterns(block, self.values)
        for _ in range(len(wanted)):
            got = self.actor(name).recv()
            reasons = []
            for pattern in wanted:
                try:
                    match.match(pattern, got, self.values)
                    wanted.remove(pattern)
                    break
                except match.Mismatch as reason:
                    reasons.append(str(reason))
            else:
                raise AssertionError("\n".join([*reasons, show(got)]))

    def receives_nothing(self, name):
        self.cast.nothing(self.actor(name))

    def settles(self, name):
        if name == "everyone":
            self.cast.settle()
        else:
            self.cast.fence_rooms()
            self.actor(name).settle(*self.cast.clients)

    def closes(self, name):
        self.actor(name).close()

    def drops(self, name):
        self.actor(name).drop()

    def is_closed(self, name, condition):
        self.actor(name).stream_error(condition.replace(" or ", "|"))

    def restarts(self):
        for client in self.cast.clients:
            client.drop()
        self.server.restart()

    def is_not(self, one, other):
        assert self.values[one] != self.values.get(other, other), f"both are {self.values[one]}"

    SENTENCES = [
        (r"(\w+) connects", connects),
        (r"(\w+) connects without presence", connects_silently),
        (r"(\w+) connects with priority (-?\d+)", connects_with_priority),
        (r"(\w+) asks for the roster", asks_for_roster),
        (r"(\w+) sends", sends),
        (r"(\w+) receives", receives),
        (r"(\w+) receives in any order", receives_unordered),
        (r"(\w+) receives nothing", receives_nothing),
        (r"(\w+) settles?", settles),
        (r"(\w+) closes", closes),
        (r"(\w+) drops", drops),
        (r"(\w+) is closed with ([\w-]+(?: or [\w-]+)*)", is_closed),
        (r"the server restarts", restarts),
        (r"(\w+) is not (\w+)", is_not),
        *RoomSentences.ROOM_SENTENCES,
    ]
