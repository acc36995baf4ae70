# SPDX-License-Identifier: Apache-2.0
"""A full disk: whoever asked for something that cannot be written is told, the server lives on and recovers."""
import subprocess

import pytest

from harness import ns, wait

pytestmark = pytest.mark.only("stanzad")
BODY = f"{{{ns.CLIENT}}}body"


@pytest.fixture
def disk(tmp_path):
    """A small file system of its own."""
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", tmp_path],
                      capture_output=True, check=False).returncode:
        pytest.skip("cannot mount a small file system")
    yield tmp_path
    subprocess.run(["umount", "-l", tmp_path], check=False)


@pytest.fixture
def server(own_server, disk):
    server = own_server(max_offline=10000)
    server.data = disk / "data"
    server.data.mkdir()
    server.socket, server.database = server.data / "ctl.sock", server.data / "stanzad.db"
    server.start()
    yield server
    server.stop()


def fill(disk):
    with open(disk / "fill", "wb", buffering=0) as file:
        try:
            while file.write(b"x" * 4096):
                pass
        except OSError:
            pass
    return disk / "fill"


def test_messages(server, disk, cast_for):
    """Each message is kept or comes back, before and after; nothing is in between."""
    cast = cast_for(server)
    romeo, witness, juliet = cast.client("romeo").login(), cast.client("witness").online(), cast.client("juliet")
    full = None
    for number in range(60):
        if number == 10:
            full = fill(disk)
        if number == 50:
            full.unlink()
            wait.until(lambda: romeo.iq("set", f"<query xmlns='{ns.PRIVATE}'><p xmlns='urn:p'/></query>")
                       .get("type") == "result", "writing works again")
        romeo.send(f"<message to='{juliet.bare}' id='m{number}' type='chat'>"
                   f"<body>{number} {'x' * 8000}</body></message>")
        if number % 10 == 5:
            witness.ping()
            romeo.message(witness.full, "still here")
            assert witness.recv().findtext(BODY) == "still here"
    server.ask("get_offline_count", juliet.user, "localhost")
    errors = {each.get("id") for each in romeo.settle() if each.get("type") == "error"}
    juliet.login()
    juliet.presence()
    kept = [int(each.findtext(BODY).split()[0]) for each in juliet.settle(romeo) if each.find(BODY) is not None]
    assert errors, "the disk was full"
    assert kept == sorted(kept)
    assert set(kept) | {int(each[1:]) for each in errors} == set(range(60))
    assert not set(kept) & {int(each[1:]) for each in errors}


def test_log_in_and_register(server, disk, cast_for):
    """Reading goes on; what must be written is refused with a reason."""
    cast = cast_for(server)
    cast.account("romeo")
    full = fill(disk)
    done = [server.ctl("register", f"new{number}", "localhost", "x" * 200) for number in range(40)]
    assert any(each.returncode for each in done)
    assert all(each.stderr.strip() for each in done if each.returncode)
    cast.client("romeo").login().ping()
    full.unlink()
    wait.until(lambda: server.ctl("register", "newest", "localhost", "x").returncode == 0, "writing works again")
