# SPDX-License-Identifier: Apache-2.0
"""One delivery path: whatever a client has and whatever happens to it, it sees each message once.

A cell of the matrix is a combination of stream management, archive, carbons, one or two devices, and what becomes of
the phone while messages are sent. What each device should see, and when the phone's push service is told, is computed
from the rules in Cell, the same for all cells. A second device, the laptop, stays where it is, but for what happens to
all: being offline, and the end of the server.
"""
import itertools
from dataclasses import dataclass

import pytest

from harness import ns
from harness.bookkeeper import Bookkeeper
from harness.device import Device, mam_offered
from harness.push import PushService, enable
from harness.settings import Settings

pytestmark = pytest.mark.only("stanzad")

FATES = ("online", "away", "dead", "offline", "killed")     # a function each, below
TARGETS = ("bare", "phone")     # the JIDs that messages are sent to
# When a message is sent: all are there and read it; the phone's fate has struck; the killed server runs again.
HERE, MEANWHILE, AGAIN = "here", "meanwhile", "again"


@dataclass(frozen=True)
class Cell:
    management: bool
    archive: bool
    carbons: bool
    devices: int
    fate: str

    def __str__(self):
        words = [word if has else "no-" + word for word, has in
                 (("sm", self.management), ("archive", self.archive), ("carbons", self.carbons))]
        return "-".join([*words, "one" if self.devices == 1 else "two", self.fate])

    @property
    def names(self):
        return ("phone", "laptop")[:self.devices]

    # -- the rules: phase says when a message was sent ---------------------------------------------

    def is_there(self, name, phase):
        """The server has a session of the device, be its client there or not."""
        if phase == HERE:
            return True
        if phase == AGAIN or (self.fate == "away" and name == "phone"):
            return self.management
        return self.fate != "offline"

    def is_reading(self, name, phase):
        """What is written to the connection of the device is read by it."""
        if phase == HERE or self.fate == "online":
            return True
        return phase == MEANWHILE and name == "laptop" and self.fate in ("away", "dead")

    def takers(self, target, phase):
        """The devices for which the server has the message: those with a session; the one that is addressed, and
        carbons for the others; without any, the first that comes back."""
        there = {name for name in self.names if self.is_there(name, phase)}
        if not there:
            return {"phone"}
        if target == "phone" and "phone" in there and not self.carbons:
            return {"phone"}
        return there

    def may_see(self, name, target, phase):
        return self.archive or name in self.takers(target, phase)

    def must_see(self, name, target, phase):
        """What was written to a connection without stream management can be lost with it."""
        if self.archive:
            return True
        if name not in self.takers(target, phase):
            return False
        return self.management or self.is_reading(name, phase) or not self.is_there(name, phase)

    def is_told(self, target, phase):
        """The service of the phone is told when the server knows that the phone is away, and has the message for it.
        None: it may be, as far as anybody knows."""
        if phase == HERE or self.fate == "online":
            return False
        if phase == MEANWHILE and self.fate in ("dead", "killed"):
            return None
        return self.may_see("phone", target, phase)


CELLS = [Cell(*each) for each in itertools.product((True, False), (True, False), (True, False), (1, 2), FATES)]


# -- what the cells need -----------------------------------------------------------------------------------------


def settings(archive):
    modules = {"mod_stream_mgmt": {"resend_on_timeout": True}, "mod_carboncopy": {}, "mod_client_state": {},
               "mod_push": {}, "mod_push_keepalive": {}}
    return Settings(
        modules={**modules, **({"mod_mam": {"default": "always"}} if archive else {})},
        listeners={"component": {"module": "ejabberd_service", "password": "secret", "check_from": False}})


@pytest.fixture(scope="module")
def servers(farm):
    made = {}

    def get(archive):
        if archive not in made:
            made[archive] = farm.make(settings(archive)).start()
        return made[archive]
    yield get
    for each in made.values():
        each.stop()


@pytest.fixture(params=CELLS, ids=str)
def cell(request):
    return request.param


@pytest.fixture
def stage(request, cell, servers, cast_for):
    server = servers(cell.archive)
    if not server.process:      # a cell before this one broke off between a kill and the start
        server.start()
    stage = Stage(cell, server, cast_for(server))
    yield stage
    stage.service.drop()


class Stage:
    def __init__(self, cell, server, cast):
        self.cell, self.server, self.cast = cell, server, cast
        self.user = cast.account("juliet")
        self.devices = {name: self.device(name) for name in cell.names}
        self.service = PushService(server, f"{self.user}.localhost").attach()
        assert enable(self.devices["phone"], self.service.host, "phone").get("type") == "result"
        self.romeo = self.sender()
        self.sent = []          # (body, target, phase)

    def device(self, name):
        device = Device(self.server, self.user, name, managed=self.cell.management, carbons=self.cell.carbons,
                        archive=self.cell.archive)
        self.cast.clients.append(device)
        return device.arrive()

    def sender(self):
        romeo = Bookkeeper(self.server, self.cast.account("romeo"), "test")
        self.cast.clients.append(romeo)
        romeo.login()
        romeo.presence()
        return romeo

    def say(self, phase=MEANWHILE):
        """A message to each target; the server has taken charge of them."""
        for target in TARGETS:
            body = f"{target} {len(self.sent)}"
            to = f"{self.user}@{self.server.host}" + ("/phone" if target == "phone" else "")
            self.romeo.message(to, body)
            self.sent.append((body, target, phase))
        self.romeo.all_acked()

    def all_get(self):
        """A message to each target, which is read at once."""
        self.say(HERE)
        for name, device in self.devices.items():
            for body, target, phase in self.sent[-len(TARGETS):]:
                if name in self.cell.takers(target, phase):
                    device.read(body)

    def check_notifications(self):
        told = [self.cell.is_told(target, phase) for _, target, phase in self.sent]
        if any(told):
            assert self.service.take_one().node == "phone"
        elif None not in told:
            self.service.nothing_new(self.romeo)


# -- what happens to the phone, and how it comes back ------------------------------------------------------------


def online(stage):
    stage.say()


def away(stage):
    stage.devices["phone"].vanish()
    stage.say()


def dead(stage):
    """It reads nothing, and the server does not know."""
    stage.say()
    stage.devices["phone"].drop()


def offline(stage):
    for device in stage.devices.values():
        device.leave()
    stage.say()


def killed(stage):
    """Messages that were read and not acknowledged, messages that were not read, and messages that come before the
    devices are back."""
    for device in stage.devices.values():
        device.acks = False
    stage.all_get()
    stage.say()
    stage.server.kill()
    for device in stage.devices.values():
        device.drop()
    stage.romeo.drop()
    stage.service.drop()
    stage.server.start()
    stage.service.attach()
    stage.romeo = stage.sender()
    stage.say(AGAIN)


FATE = {each.__name__: each for each in (online, away, dead, offline, killed)}


def test_cell(stage, cell):
    """Each device sees what it must, nothing that is not for it, and nothing twice."""
    stage.all_get()
    for device in stage.devices.values():
        device.remember()
    FATE[cell.fate](stage)
    stage.check_notifications()
    for device in stage.devices.values():
        device.acks = True
        device.come_back()
    for device in stage.devices.values():
        device.catch_up(*stage.devices.values(), stage.romeo)
    told = [f"{name}: {problem}" for name, device in stage.devices.items()
            for problem in problems(cell, name, device, stage.sent)]
    assert not told, "\n".join(told)


def problems(cell, name, device, sent):
    """What is wrong with what the device saw."""
    yield from device.contradictions()
    for body, target, phase in sent:
        if device.live.count(body) > 1:
            yield f"'{body}' came {device.live.count(body)} times ({phase})"
        if device.sees(body) and not cell.may_see(name, target, phase):
            yield f"'{body}' is not for it ({phase})"
        if not device.sees(body) and cell.must_see(name, target, phase):
            yield f"'{body}' never came ({phase})"


def test_nothing_is_left_out(servers, cast_for):
    """The servers of the matrix offer what its cells are made of."""
    for archive in (True, False):
        server = servers(archive)
        client = Bookkeeper(server, cast_for(server).account("romeo"), "test").login(manage=False)
        assert client.offers_management()
        info = client.iq("get", f"<query xmlns='{ns.DISCO_INFO}'/>", to=client.host)
        assert "urn:xmpp:carbons:2" in [each.get("var") for each in info.iter(f"{{{ns.DISCO_INFO}}}feature")]
        assert mam_offered(client) == archive
        client.close()
