# SPDX-License-Identifier: Apache-2.0
"""mod_muc_log: what is on the pages of a room, that they are whole whatever happens, and how they look."""
import datetime
import html.parser
import pathlib
import shutil
import struct
import subprocess
import zlib

import pytest

from harness import match, ns, rooms, wait
from harness.settings import Settings
from harness.stream import show

pytestmark = pytest.mark.only("stanzad")
OPTIONS = {"access_log": "all", "timezone": "universal", "url": "https://example.org/logs/",
           "top_link": {"https://example.org/": "Example & more"}}
SETTINGS = Settings(rooms=True, modules={"mod_muc_log": OPTIONS})
LOGGED = [("muc#roomconfig_enablelogging", ["1"]), ("muc#roomconfig_roomname", ["The <garden> & \"more\""]),
          ("muc#roomconfig_persistentroom", ["1"])]
VOID = {"meta", "link", "br"}


class Page(html.parser.HTMLParser):
    """A page whose elements are opened and closed in order; the lines of its log, and all links."""

    def __init__(self, text):
        super().__init__()
        self.open, self.lines, self.links, self.ids, self.closed = [], [], [], [], False
        assert text.startswith("<!DOCTYPE html>\n"), text[:200]
        self.feed(text)
        self.close()
        assert not self.open and self.closed, f"open at the end: {self.open}\n{text[-500:]}"
        assert len(self.ids) == len(set(self.ids))

    def handle_starttag(self, tag, attributes):
        assert not self.closed, f"<{tag}> behind the end"
        attributes = dict(attributes)
        if tag not in VOID:
            self.open.append(tag)
        if tag == "br" and self.lines:
            self.lines[-1][1] += "\n"
        if tag == "li" and attributes.get("id"):
            self.lines.append([attributes["class"], ""])
            self.ids.append(attributes["id"])
        if tag == "a":
            self.links.append((attributes["href"], attributes.get("rel")))

    def handle_endtag(self, tag):
        assert self.open and self.open.pop() == tag, f"</{tag}>"
        self.closed = tag == "html"

    def handle_data(self, data):
        assert not (self.closed and data.strip()), f"{data!r} behind the end"
        if "ol" in self.open and self.lines:
            self.lines[-1][1] += data

    def handle_comment(self, data):
        assert data.startswith("next "), f"a comment: {data!r}"

    def said(self):
        """(class, what stands behind the time) of each line."""
        return [(kind, " ".join(text.split()[1:])) for kind, text in self.lines]


def today():
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y/%m/%d")


def folder_of(server):
    return server.data / "www" / "muc"


def newest(server, room, ending="html"):
    """The latest file of a room; None: there is none."""
    files = sorted((folder_of(server) / room).rglob(f"*.{ending}"))
    return files[-1] if files else None


def text_with(server, room, wanted, ending="html"):
    """The text of the latest file when that is in it."""
    def read():
        path = newest(server, room, ending)
        text = path.read_text() if path else ""
        return text if wanted in text else None
    return wait.until(read, f"{wanted!r} is in the log of {room}")


def new_room(client, name="garden", options=LOGGED):
    room = f"{client.server.unique(name)}@{rooms.service(client.server)}"
    rooms.create(client, room, "romeo", options)
    return room


def say(client, room, text):
    client.message(room, match.escape(text), "groupchat")


def admin(client, room, item):
    return rooms.insist(client.iq("set", f"<query xmlns='{rooms.ADMIN}'>{item}</query>", to=room))


def converse(romeo, juliet, tybalt):
    """A conversation with all that is logged; the room."""
    room = new_room(romeo)
    rooms.join(juliet, room, "juliet")
    rooms.join(tybalt, room, "tybalt")
    say(romeo, room, "But, soft! what light through yonder window breaks?")
    say(romeo, room, "see https://example.org/a?b=1&c=2, <script>alert(1)</script>")
    say(romeo, room, "/me climbs the wall")
    rooms.fence(romeo, room)
    say(juliet, room, "Deny thy father and refuse thy name;\n  or, if thou wilt not, be but sworn my love")
    juliet.message(room, "off the record", "groupchat")
    juliet.send(f"<message to='{room}' type='groupchat'><body>hush</body><no-store xmlns='urn:xmpp:hints'/></message>")
    juliet.message(f"{room}/romeo", "for you alone")
    juliet.presence(f"to='{room}/ju&lt;liet'")
    rooms.fence(juliet, room)
    romeo.send(f"<message to='{room}' type='groupchat'><subject>Balconies: http://example.org/</subject></message>")
    admin(romeo, room, "<item nick='tybalt' role='none'><reason>no swords</reason></item>")
    tybalt.take(lambda each: (each.get("from"), each.get("type")) == (f"{room}/tybalt", "unavailable"))
    rooms.join(tybalt, room, "tybalt")
    admin(romeo, room, f"<item jid='{tybalt.bare}' affiliation='outcast'><reason>again &lt;b></reason></item>")
    admin(romeo, room, f"<item jid='{juliet.bare}' affiliation='member'/>")
    rooms.insist(romeo.iq("set", rooms.form([("muc#roomconfig_membersonly", ["1"])]), to=room))
    juliet.presence(f"to='{room}/ju&lt;liet' type='unavailable'", "<status>the lark sings</status>")
    rooms.fence(juliet, room)
    say(romeo, room, "good night")
    return room


SAID = [
    ("join", "tybalt joined the room"),
    ("say", "romeo But, soft! what light through yonder window breaks?"),
    ("say", "romeo see https://example.org/a?b=1&c=2, <script>alert(1)</script>"),
    ("me", "romeo climbs the wall"),
    ("say", "juliet Deny thy father and refuse thy name; or, if thou wilt not, be but sworn my love"),
    ("say", "juliet off the record"),
    ("renamed", "juliet is now known as ju<liet"),
    ("subject", "romeo set the subject: Balconies: http://example.org/"),
    ("kick", "tybalt was kicked by romeo: no swords"),
    ("join", "tybalt joined the room"),
    ("kick", "tybalt was banned by romeo: again <b>"),
    ("role", "romeo made ju<liet a member"),
    ("room", "The configuration was changed by romeo. Only members may enter."),
    ("leave", "ju<liet left the room: the lark sings"),
    ("say", "romeo good night"),
]


def test_conversation(server, cast):
    room = converse(*cast.online("romeo", "juliet", "tybalt"))
    before, text = today(), text_with(server, room, "good night")
    page = Page(text)
    said = page.said()
    assert [each for each in said if each in SAID] == SAID
    assert not {"hush", "for you alone"} & set(text.split()), "what is not for the public"
    assert "@localhost" not in text.replace(room, ""), "a real address"
    assert ("https://example.org/a?b=1&c=2", "nofollow") in page.links and (f"xmpp:{room}?join", None) in page.links
    assert ("https://example.org/", None) in page.links
    assert all((f"#{each}", None) in page.links for each in page.ids)
    assert "The &lt;garden&gt; &amp; &quot;more&quot;" in text and "Example &amp; more" in text
    assert newest(server, room).relative_to(folder_of(server) / room).as_posix() in {before + ".html",
                                                                                  today() + ".html"}
    assert newest(server, room).stat().st_mode & 0o777 == 0o644


def test_head_is_of_when_the_day_began(server, cast):
    romeo = cast.online("romeo")
    room = new_room(romeo)
    text = text_with(server, room, "The discussion is logged.")
    assert ">UTC<" in text and '<p class="topic">' not in text


def test_only_what_is_logged(server, cast):
    romeo = cast.online("romeo")
    room = new_room(romeo, options=())
    say(romeo, room, "unlogged")
    rooms.insist(romeo.iq("set", rooms.form(LOGGED[:1]), to=room))
    say(romeo, room, "logged")
    assert "unlogged" not in text_with(server, room, ">logged<")
    rooms.insist(romeo.iq("set", rooms.form([("muc#roomconfig_enablelogging", ["0"])]), to=room))
    say(romeo, room, "unlogged")
    rooms.insist(romeo.iq("set", rooms.form(LOGGED[:1]), to=room))
    say(romeo, room, "logged again")
    text = text_with(server, room, ">logged again<")
    assert "unlogged" not in text and "The discussion is not logged any more." in text
    Page(text)


def test_discovery(server, cast):
    romeo = cast.online("romeo")
    room, other = new_room(romeo, "caf\u00e9"), new_room(romeo, options=())

    def logs(room):
        info = romeo.iq("get", f"<query xmlns='{ns.DISCO_INFO}'/>", to=room)
        forms = info.findall(f".//{{{ns.DATA}}}x")
        assert len(forms) == 1, show(info)
        return [each.findtext(f"{{{ns.DATA}}}value") for each in forms[0] if each.get("var") == "muc#roominfo_logs"]
    assert logs(room) == [f"https://example.org/logs/{room.replace(chr(0xe9), '%C3%A9')}/"]
    assert logs(other) == []


def test_destroyed(server, cast):
    romeo, juliet = cast.online("romeo", "juliet")
    room = new_room(romeo)
    rooms.join(juliet, room, "juliet")
    destroy = f"<query xmlns='{rooms.OWNER}'><destroy><reason>the end</reason></destroy></query>"
    rooms.insist(romeo.iq("set", destroy, to=room))
    said = Page(text_with(server, room, "the end")).said()
    assert said[-1] == ("room", "The room was destroyed by romeo: the end")


def test_who_may_turn_it_on(own_server, cast_for):
    server = own_server(rooms=True, modules={"mod_muc_log": {"access_log": "none"}}).start()
    romeo = cast_for(server).online("romeo")
    room = new_room(romeo, options=())
    answer = romeo.iq("set", rooms.form(LOGGED[:1]), to=room)
    assert answer.get("type") == "error", show(answer)
    say(romeo, room, "hello")
    rooms.fence(romeo, room)
    assert newest(server, room) is None


@pytest.mark.parametrize("dirtype", ["plain", "subdirs"])
def test_plain_text(own_server, cast_for, dirtype):
    options = {"access_log": "all", "timezone": "universal", "file_format": "plaintext", "dirtype": dirtype,
               "dirname": "room_name", "file_permissions": {"mode": "640"}}
    server = own_server(rooms=True, modules={"mod_muc_log": options}).start()
    room = converse(*cast_for(server).online("romeo", "juliet", "tybalt"))
    name, before = room.partition("@")[0], today()
    lines = [line.partition("] ")[2] for line in text_with(server, name, "good night", "txt").splitlines()]
    wanted = ["<romeo> But, soft! what light through yonder window breaks?", "* romeo climbs the wall",
              "<juliet> Deny thy father and refuse thy name;", "*** juliet is now known as ju<liet",
              "*** romeo set the subject: Balconies: http://example.org/",
              "*** tybalt was kicked by romeo: no swords", "*** ju<liet left the room: the lark sings",
              "<romeo> good night"]
    assert [each for each in lines if each in wanted] == wanted
    path = newest(server, name, "txt")
    days = {each if dirtype == "subdirs" else each.replace("/", "-") for each in (before, today())}
    assert path.relative_to(folder_of(server) / name).as_posix() in {f"{day}.txt" for day in days}
    assert path.stat().st_mode & 0o777 == 0o640 and path.parent.stat().st_mode & 0o777 == 0o750


def test_hostile_names(own_server, cast_for):
    server = own_server(rooms=True, modules={"mod_muc_log": {**OPTIONS, "dirname": "room_name"}}).start()
    romeo = cast_for(server).online("romeo")
    names = {"..": "%2E.", ".": "%2E", "...": "%2E..", "a%2fb": "a%252fb", "x" * 1000: None}
    for name, folder in names.items():
        room = f"{name}@{rooms.service(server)}"
        rooms.create(romeo, room, "romeo", LOGGED)
        say(romeo, room, f"in {name[:10]}")
        rooms.fence(romeo, room)
        if folder:
            Page(text_with(server, folder, f"in {name}"))
    wait.until(lambda: len(list(folder_of(server).iterdir())) == len(names), "all rooms have their folders")
    assert sorted(each.name for each in folder_of(server).parent.iterdir()) == ["muc"]
    assert all(len(each.name) <= 220 for each in folder_of(server).iterdir())


def test_killed(own_server, cast_for):
    """The page is whole after kill -9 in the middle of writing, and goes on after the next start."""
    server = own_server(rooms=True, modules={"mod_muc_log": OPTIONS}).start()
    room = None
    for turn in range(4):
        romeo = cast_for(server).online("romeo")
        if room:
            rooms.join(romeo, room, "romeo")
        else:
            room = new_room(romeo)
        for number in range(200):
            say(romeo, room, f"turn {turn} number {number} " + "of many " * (number * 37 % 101))
        text_with(server, room, f"turn {turn} number 20 ")
        server.kill()
        Page(newest(server, room).read_text())
        server.start()
    romeo = cast_for(server).online("romeo")
    rooms.join(romeo, room, "romeo")
    say(romeo, room, "after all")
    said = [text for _, text in Page(text_with(server, room, "after all")).said()]
    assert "The service was started" in said
    for turn in range(4):
        numbers = [int(text.split()[4]) for text in said if text.startswith(f"romeo turn {turn} ")]
        assert len(numbers) > 20 and numbers == list(range(len(numbers))), f"turn {turn}: {numbers}"


def test_nowhere_to_write(own_server, cast_for):
    """What cannot be written is said and counted, and nobody waits for it."""
    options = {**OPTIONS, "outdir": "/proc/nowhere"}
    server = own_server(rooms=True, modules={"mod_muc_log": options}).start()
    romeo = cast_for(server).online("romeo")
    room = new_room(romeo)
    say(romeo, room, "hello")
    romeo.take(lambda each: each.findtext(f"{{{ns.CLIENT}}}body") == "hello")
    wait.until(lambda: "event=muc_log.lost" in server.log.read_text(), "the log says that lines are lost")
    wait.until(lambda: any(line.split("\t")[2:3] == ["lost_lines"] and line.split("\t")[4] != "0"
                           for line in server.ask("metrics", server.host).splitlines()), "lost lines are counted")


@pytest.mark.parametrize("options, said", [
    ({"file_permissions": {"mode": "abc"}}, "mode 'abc'"),
    ({"file_permissions": {"owner": "1"}}, "'owner'"),
    ({"cssfile": "nowhere.css"}, "nowhere.css"),
    ({"top_link": {"/": "Home", "/x": "More"}}, "top_link"),
])
def test_bad_options(own_server, options, said):
    server = own_server(rooms=True).start()
    server.ask("module_unload", server.host, "mod_muc_log")
    done = server.ctl("module_load", server.host, "mod_muc_log", str(options).replace("'", '"'))
    assert done.returncode != 0 and said in done.stderr, done.stdout + done.stderr


# --- how it looks ----------------------------------------------------------------------------------------------------


def colours(path):
    """The colours in a PNG of 8-bit RGB or RGBA, each with its share of the picture."""
    data = path.read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n", f"{path} is no PNG"
    at, packed = 8, b""
    while at < len(data):
        length, kind = struct.unpack(">I4s", data[at:at + 8])
        if kind == b"IHDR":
            width, height, depth, colour = struct.unpack(">IIBB", data[at + 8:at + 18])
        elif kind == b"IDAT":
            packed += data[at + 8:at + 8 + length]
        at += length + 12
    assert depth == 8 and colour in (2, 6)
    size, raw = 3 if colour == 2 else 4, zlib.decompress(packed)
    row, found = bytearray(width * size), {}
    for y in range(height):
        start = y * (width * size + 1)
        row = unfiltered(raw[start], raw[start + 1:start + 1 + width * size], row, size)
        for x in range(0, width * size, size * 3):
            pixel = bytes(row[x:x + 3])
            found[pixel] = found.get(pixel, 0) + 1
    total = sum(found.values())
    return {pixel: count / total for pixel, count in found.items()}


def unfiltered(kind, line, above, size):
    """A row of a PNG: its section 9."""
    row = bytearray(line)
    for i, value in enumerate(row):
        left, up = row[i - size] if i >= size else 0, above[i]
        corner = above[i - size] if i >= size else 0
        if kind == 4:
            guess = left + up - corner
            near = min((abs(guess - left), 0, left), (abs(guess - up), 1, up), (abs(guess - corner), 2, corner))[2]
        else:
            near = (0, left, up, (left + up) // 2)[kind]
        row[i] = (value + near) & 255
    return row


@pytest.mark.parametrize("name, size, dark", [("light", "1100,1000", False), ("dark", "1100,1000", True),
                                              ("phone", "500,1000", False)])
def test_looks(server, cast, tmp_path, name, size, dark):
    """The picture of a page stays in the folder test-output of the build."""
    browser = shutil.which("chromium")
    if not browser:
        pytest.skip("there is no chromium to look at pages with")
    room = converse(*cast.online("romeo", "juliet", "tybalt"))
    text_with(server, room, "good night")
    folder = pathlib.Path(server.build) / "test-output"
    folder.mkdir(exist_ok=True)
    picture = folder / f"mod_muc_log-{name}.png"
    picture.unlink(missing_ok=True)
    subprocess.run([browser, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
                    f"--user-data-dir={tmp_path}", f"--window-size={size}",
                    f"--blink-settings=preferredColorScheme={0 if dark else 1}", f"--screenshot={picture}",
                    newest(server, room).as_uri()], check=True, capture_output=True, timeout=wait.DEADLINE * 6)
    found = colours(picture)
    ground = max(found, key=found.get)
    assert (max(ground) < 64) is dark and 0.4 < found[ground] < 0.99, (ground, found[ground])
    assert len(found) > 50, "there is text, in several colours"
