# SPDX-License-Identifier: Apache-2.0
"""CAPTCHA challenges (XEP-0158) to strangers and in registrations, with pictures of a program and of the server."""
import base64
import hashlib
import struct
import zlib

import pytest

from harness import ns
from harness.settings import Settings
from harness.stream import show

pytestmark = pytest.mark.only("stanzad")
CAPTCHA = "urn:xmpp:captcha"
BOB = "urn:xmpp:bob"
MEDIA = "{urn:xmpp:media-element}"
FORM = f"{{{ns.DATA}}}x"
BODY = f"{{{ns.CLIENT}}}body"


def chunk(kind, content):
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


PICTURE = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 3, 2, 8, 0, 0, 0, 0)) + \
    chunk(b"IDAT", zlib.compress(b"\0\1\2\3" * 2)) + chunk(b"IEND", b"")


class Program:
    """Writes PICTURE, and notes what it should have drawn."""

    def __init__(self, folder):
        self.notes, self.script = folder / "notes", folder / "captcha.sh"
        (folder / "picture").write_bytes(PICTURE)
        self.script.write_text(f"#!/bin/sh\necho \"$1\" >>'{self.notes}'\nexec cat '{folder}/picture'\n")
        self.script.chmod(0o755)

    def answer(self):
        return self.notes.read_text().split()[-1]


@pytest.fixture
def program(tmp_path):
    return Program(tmp_path)


@pytest.fixture
def play(own_server, cast_for):
    """Clients of a server with these options."""
    def make(modules, **options):
        return cast_for(own_server(Settings(modules=modules, options=options)).start())
    return make


def condition(reply):
    assert reply.get("type") == "error", show(reply)
    return reply.find(f"{{{ns.CLIENT}}}error")[0].tag.partition("}")[2]


def value(form, var):
    return form.findtext(f"{{{ns.DATA}}}field[@var='{var}']/{{{ns.DATA}}}value")


def field(var, text):
    return f"<field var='{var}'><value>{text}</value></field>"


def picture_of(form, data):
    """What the form and what is beside it say of the picture must fit; returns its bytes."""
    media = form.find(f"{{{ns.DATA}}}field[@var='ocr']/{MEDIA}media")
    content = base64.b64decode(data.text, validate=True)
    assert media.findall(f"{MEDIA}uri")[-1].text == "cid:" + data.get("cid")
    assert data.get("cid") == f"sha1+{hashlib.sha1(content).hexdigest()}@bob.xmpp.org"
    assert data.get("type") == media.find(f"{MEDIA}uri").get("type") == "image/png" and data.get("max-age") == "0"
    assert struct.unpack(">II", content[16:24]) == (int(media.get("width")), int(media.get("height")))
    return content


def assert_legible(content):
    """It is a PNG of sane size with something on it."""
    width, height, depth, color = struct.unpack(">IIBB", content[16:26])
    assert content.startswith(b"\x89PNG\r\n\x1a\n") and 500 < len(content) < 12000
    assert 150 <= width <= 400 and 50 <= height <= 150 and (depth, color) == (8, 0)
    at, packed = 8, b""
    while at < len(content):
        length, kind = struct.unpack(">I4s", content[at:at + 8])
        assert struct.unpack(">I", content[at + 8 + length:at + 12 + length])[0] == \
            zlib.crc32(content[at + 4:at + 8 + length])
        packed += content[at + 8:at + 8 + length] if kind == b"IDAT" else b""
        at += 12 + length
    assert kind == b"IEND" and len(zlib.decompress(packed)) == height * (width + 1)


# --- strangers ------------------------------------------------------------------------------------------------------

STRANGERS = {"mod_block_strangers": {"allow_local_users": False, "captcha": True}}


def challenge(client):
    """The form and the picture of the challenge that comes next."""
    message = client.take(lambda each: each.tag == f"{{{ns.CLIENT}}}message")
    form = message.find(f"{{{CAPTCHA}}}captcha/{FORM}")
    assert message.get("id") == value(form, "challenge") and value(form, "FORM_TYPE") == CAPTCHA
    return message, form, picture_of(form, message.find(f"{{{BOB}}}data"))


def answer(client, message, form, ocr):
    fields = "".join(field(var, value(form, var)) for var in ("from", "challenge", "sid"))
    return client.iq("set", f"<captcha xmlns='{CAPTCHA}'><x xmlns='{ns.DATA}' type='submit'>"
                     f"{field('FORM_TYPE', CAPTCHA)}{fields}{field('ocr', ocr)}</x></captcha>", to=message.get("from"))


def test_stranger(play, program):
    cast = play(STRANGERS, captcha_cmd=str(program.script), captcha_url="https://example.com/captcha/")
    romeo, tybalt = cast.online("romeo", "tybalt")
    tybalt.send(f"<message to='{romeo.full}' type='chat' id='first' xml:lang='it'><body>one</body></message>")
    message, form, picture = challenge(tybalt)
    url = f"https://example.com/captcha/{message.get('id')}"
    assert picture == PICTURE and message.get("from") == romeo.bare and message.get("to") == tybalt.full
    assert message.findtext("{jabber:x:oob}x/{jabber:x:oob}url") == url and url in message.findtext(BODY)
    assert value(form, "from") == romeo.full and value(form, "sid") == "first"
    assert form.find(f".//{MEDIA}uri").text == url + "/image"
    bits = tybalt.iq("get", f"<data xmlns='{BOB}' cid='{message.find(f'{{{BOB}}}data').get('cid')}'/>", to=romeo.bare)
    assert base64.b64decode(bits[0].text) == PICTURE
    tybalt.message(romeo.full, "two")
    assert not [each for each in romeo.settle(tybalt) if each.tag.endswith("}message")]
    assert answer(tybalt, message, form, program.answer()).get("type") == "result"
    tybalt.message(romeo.full, "three")
    got = [romeo.take(lambda each: each.tag.endswith("}message")).findtext(BODY) for _ in range(3)]
    assert got == ["one", "two", "three"]
    assert program.answer() not in cast.server.log.read_text()


def test_wrong_answer(play, program):
    cast = play(STRANGERS, captcha_cmd=str(program.script))
    romeo, tybalt = cast.online("romeo", "tybalt")
    tybalt.message(romeo.full, "one")
    message, form, _ = challenge(tybalt)
    right = program.answer()
    assert condition(answer(tybalt, message, form, "x" + right)) == "not-acceptable"
    assert condition(tybalt.take(lambda each: each.tag.endswith("}message"))) == "policy-violation"
    assert condition(answer(tybalt, message, form, right)) == "service-unavailable"
    assert not [each for each in romeo.settle(tybalt) if each.tag.endswith("}message")]


def test_drawn_by_the_server(play):
    cast = play(STRANGERS)
    romeo, tybalt = cast.online("romeo", "tybalt")
    tybalt.message(romeo.full, "one")
    message, form, picture = challenge(tybalt)
    assert_legible(picture)
    assert condition(answer(tybalt, message, form, "12345")) == "not-acceptable"
    assert condition(tybalt.take(lambda each: each.tag.endswith("}message"))) == "policy-violation"


@pytest.mark.parametrize("command", ["/bin/false", "/nowhere/captcha.sh", "echo"])
def test_broken_program(play, command):
    cast = play(STRANGERS, captcha_cmd=command)
    romeo, tybalt = cast.online("romeo", "tybalt")
    tybalt.message(romeo.full, "one")
    assert condition(tybalt.take(lambda each: each.tag.endswith("}message"))) == "internal-server-error"
    assert "captcha.no_picture" in cast.server.log.read_text()


def test_limit(play, program):
    cast = play(STRANGERS, captcha_cmd=str(program.script), captcha_limit=1)
    romeo, juliet, tybalt = cast.online("romeo", "juliet", "tybalt")
    tybalt.message(romeo.full, "one")
    challenge(tybalt)
    tybalt.message(juliet.full, "one")
    assert condition(tybalt.take(lambda each: each.tag.endswith("}message"))) == "resource-constraint"


@pytest.mark.parametrize("text", ["<message from='{}' to='{}'><body>x</body></message>",
                                  "<presence type='subscribe' from='{}' to='{}'/>"])
def test_explained(play, text):
    cast = play(STRANGERS)
    romeo, tybalt = cast.online("romeo", "tybalt")
    told = cast.server.ask("explain", text.format(tybalt.full, romeo.bare))
    assert "CAPTCHA" in told and "mod_block_strangers" in told
    cast.nothing(tybalt)


# --- registration ---------------------------------------------------------------------------------------------------

def registration(program=None, **options):
    options |= {"captcha_cmd": str(program.script)} if program else {}
    return {"modules": {"mod_register": {"ip_access": "all", "captcha_protected": True}}, **options}


def stranger(cast):
    return cast.nobody().connect().open()


def ask_form(client):
    reply = client.iq("get", f"<query xmlns='{ns.REGISTER}'/>", to="localhost")
    assert reply.get("type") == "result", show(reply)
    form = reply[0].find(FORM)
    assert value(form, "FORM_TYPE") == ns.REGISTER and value(form, "sid") == reply.get("id")
    assert reply[0].find(f"{{{ns.REGISTER}}}username") is None, "it cannot be answered without the form"
    return form, picture_of(form, reply[0].find(f"{{{BOB}}}data"))


def register(client, form, ocr):
    fields = "".join(field(*each) for each in (
        ("FORM_TYPE", ns.REGISTER), ("challenge", value(form, "challenge")), ("sid", value(form, "sid")),
        ("ocr", ocr), ("username", client.user), ("password", client.password)))
    return client.iq("set", f"<query xmlns='{ns.REGISTER}'><x xmlns='{ns.DATA}' type='submit'>{fields}</x></query>",
                     to="localhost")


def test_registration(play, program):
    cast = play(**registration(program))
    client = stranger(cast)
    form, picture = ask_form(client)
    assert picture == PICTURE
    assert register(client, form, program.answer()).get("type") == "result"
    client.close()
    client.login()


def test_registration_with_a_wrong_answer(play, program):
    cast = play(**registration(program))
    client = stranger(cast)
    form, _ = ask_form(client)
    right = program.answer()
    assert condition(register(client, form, "x" + right)) == "not-acceptable"
    assert condition(register(client, form, right)) == "not-acceptable", "it is good for one answer"
    form, _ = ask_form(client)
    assert register(client, form, program.answer()).get("type") == "result"


def test_registration_without_the_form(play, program):
    cast = play(**registration(program))
    client = stranger(cast)
    account = f"<username>{client.user}</username><password>secret</password>"
    assert condition(client.iq("set", f"<query xmlns='{ns.REGISTER}'>{account}</query>", to="localhost")) == \
        "not-acceptable"
    assert client.authenticate().tag == f"{{{ns.SASL}}}failure"


def test_registration_drawn_by_the_server(play):
    client = stranger(play(**registration()))
    form, picture = ask_form(client)
    assert_legible(picture)
    assert condition(register(client, form, "12345")) == "not-acceptable"


def test_registration_limit(play, program):
    cast = play(**registration(program, captcha_limit=1))
    client = stranger(cast)
    form, _ = ask_form(client)
    reply = client.iq("get", f"<query xmlns='{ns.REGISTER}'/>", to="localhost")
    assert condition(reply) == "resource-constraint"
    assert register(client, form, program.answer()).get("type") == "result"


def test_registration_with_a_broken_program(play):
    client = stranger(play(**registration(captcha_cmd="/bin/false")))
    reply = client.iq("get", f"<query xmlns='{ns.REGISTER}'/>", to="localhost")
    assert condition(reply) == "internal-server-error"


def test_password_without_captcha(play, program):
    """Who has an account has passed already."""
    romeo = play(**registration(program)).client("romeo").login()
    assert romeo.iq("get", f"<query xmlns='{ns.REGISTER}'/>", to="localhost")[0].find(FORM) is None
    reply = romeo.iq("set", f"<query xmlns='{ns.REGISTER}'><username>{romeo.user}</username>"
                     "<password>another</password></query>", to="localhost")
    assert reply.get("type") == "result"
    assert not program.notes.exists()
