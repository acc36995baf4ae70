# SPDX-License-Identifier: Apache-2.0
"""The data directory and the process: two servers, damaged databases, full disks, readiness."""
import os
import signal
import socket
import sqlite3
import subprocess

import pytest

from harness import ns, wait

pytestmark = pytest.mark.only("stanzad")


@pytest.fixture
def server(own_server):
    return own_server().start()


def refused(server, *words):
    """A start that fails: status, words in the log; what was there is untouched."""
    before = server.database.read_bytes()
    process = server.spawn()
    status = process.wait()
    assert status not in (0, -signal.SIGSEGV, -signal.SIGABRT), process.tail()
    assert not process.sanitizer_report()
    for word in words:
        assert word in process.text(), process.tail()
    assert server.database.read_bytes() == before
    return process


def test_second_server_on_the_same_data(server, own_server, cast_for):
    romeo = cast_for(server).client("romeo").online()
    second = own_server()
    second.data, second.socket, second.database = server.data, server.socket, server.database
    process = second.spawn()
    assert process.wait() not in (0, -signal.SIGSEGV, -signal.SIGABRT)
    assert str(server.data) in process.text(), "it names the directory"
    romeo.ping()
    server.ask("status")


def test_stale_socket_and_lock(server):
    """What a killed server left behind does not stop the next one."""
    server.kill()
    assert server.socket.exists()
    server.start()
    server.ask("status")


def test_corrupt_database(server):
    server.ask("register", "romeo", "localhost", "x")
    server.stop()
    data = bytearray(server.database.read_bytes())
    data[:4096] = os.urandom(4096)
    server.database.write_bytes(data)
    refused(server, "stanzad.db")


def test_database_that_is_none(server):
    server.stop()
    server.database.write_text("this is a text file\n" * 1000)
    refused(server, "stanzad.db")


def test_newer_schema(server):
    """A database from a later version is left alone."""
    server.stop()
    with sqlite3.connect(server.database) as database:
        assert database.execute("UPDATE schema_version SET version = version + 1000").rowcount > 0
    database.close()
    refused(server, "newer")


def test_database_is_sound_after_kills(server, cast_for):
    cast = cast_for(server)
    for _ in range(3):
        romeo = cast.client("romeo").login()
        for number in range(20):
            romeo.send(f"<iq type='set' id='r{number}'><query xmlns='{ns.ROSTER}'>"
                       f"<item jid='c{number}@example.com'/></query></iq>")
        romeo.recv()
        server.kill()
        with sqlite3.connect(server.database) as database:
            assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        database.close()
        server.start()


def test_ejabberds_tables(server):
    """The names and columns that tools made for ejabberd look for."""
    server.ask("register", "romeo", "localhost", "x")
    server.ask("add_rosteritem", "romeo", "localhost", "juliet", "example.com", "J", "G", "both")
    server.stop()
    with sqlite3.connect(server.database) as database:
        assert database.execute("SELECT username FROM users").fetchall() == [("romeo",)]
        assert database.execute("SELECT jid, nick, subscription, ask FROM rosterusers").fetchall() == [
            ("juliet@example.com", "J", "B", "N")]
        assert database.execute("SELECT grp FROM rostergroups").fetchall() == [("G",)]
    database.close()


def test_port_in_use(server, own_server):
    second = own_server()
    second.ports = server.ports
    process = second.spawn()
    assert process.wait() not in (0, -signal.SIGSEGV, -signal.SIGABRT)
    assert str(server.ports["c2s"]) in process.text()


def test_unwritable_directory(own_server):
    server = own_server()
    server.data = server.folder / "file"
    server.data.write_text("in the way")
    process = server.spawn()
    assert process.wait() not in (0, -signal.SIGSEGV, -signal.SIGABRT)
    assert str(server.data) in process.text()


def test_bad_configuration_stops_the_start(own_server):
    server = own_server()
    server.config_text = "hosts: [localhost]\nhostss: [x]\n"
    process = server.spawn()
    assert process.wait() != 0
    assert ":2:1: " in process.text() and "hostss" in process.text()


def test_readiness(own_server, tmp_path):
    """sd_notify: READY=1 when connections are accepted."""
    server = own_server()
    path = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(path))
        listener.settimeout(wait.DEADLINE)
        server.process = server.spawn(environment=dict(os.environ, NOTIFY_SOCKET=str(path)))
        while b"READY=1" not in listener.recv(4096).split(b"\n"):
            pass
        assert wait.port_open(server.ports["c2s"])
        server.process.signal(signal.SIGTERM)
        while b"STOPPING=1" not in listener.recv(4096).split(b"\n"):
            pass


def test_signal_while_starting(own_server):
    """SIGTERM at any early moment ends the process, in order or at once."""
    for _ in range(3):
        server = own_server()
        process = server.spawn()
        process.signal(signal.SIGTERM)
        assert process.wait() in (0, -signal.SIGTERM)
        assert not process.sanitizer_report()


def test_interrupt(server):
    """Ctrl-C is as orderly as SIGTERM."""
    server.process.signal(signal.SIGINT)
    assert server.process.wait() == 0


def test_full_disk(own_server, cast_for, tmp_path):
    """A write that fails is an error for the one who asked; the server goes on."""
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", tmp_path],
                          capture_output=True)
    if done.returncode:
        pytest.skip("cannot mount a small file system")
    try:
        server = own_server()
        server.data = tmp_path / "data"
        server.data.mkdir()
        server.socket, server.database = server.data / "ctl.sock", server.data / "stanzad.db"
        server.start()
        romeo = cast_for(server).client("romeo").login()
        fill = tmp_path / "fill"
        with open(fill, "wb", buffering=0) as file:
            try:
                while file.write(b"x" * 4096):
                    pass
            except OSError:
                pass
        failed = [romeo.iq("set", f"<query xmlns='{ns.PRIVATE}'><p xmlns='urn:p{number}'>"
                           f"{'x' * 20000}</p></query>").get("type") for number in range(5)]
        assert "error" in failed
        romeo.ping()
        fill.unlink()
        wait.until(lambda: romeo.iq("set", f"<query xmlns='{ns.PRIVATE}'><p xmlns='urn:q'>x</p>"
                                    "</query>").get("type") == "result", "writing works again")
        server.stop()
    finally:
        subprocess.run(["umount", "-l", tmp_path], check=False)


def test_log_has_no_passwords(server, cast_for):
    cast = cast_for(server)
    user = server.unique("quiet")
    server.add_user(user, password="Geheimnis4711")
    client = cast.nobody(password="Geheimnis4711")
    client.user = user
    client.connect().open().starttls()
    client.authenticate("PLAIN")
    other = cast.nobody(password="Geheimnis4712").connect().open().starttls()
    other.authenticate("PLAIN")
    assert "Geheimnis" not in server.process.text()
    assert user in server.process.text(), "who logged in is known"
