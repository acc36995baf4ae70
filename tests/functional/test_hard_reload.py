# SPDX-License-Identifier: Apache-2.0
"""New configurations under streams that stay: what was under way at the moment of the change ends well."""
import pytest

from harness import ns, wait, yaml

pytestmark = pytest.mark.only("stanzad")
PINGS = {"send_pings": True, "ping_interval": "1 second", "ping_ack_timeout": "2 seconds"}


def rewrite(server, change):
    config = server.configuration()
    change(config)
    server.write_config(yaml.dump(config) + "\n")
    return server.ctl("reload_config")


def is_ping(element):
    return element.get("type") == "get" and element.find(f"{{{ns.PING}}}ping") is not None


@pytest.fixture
def pinging(own_server):
    return own_server(modules={"mod_ping": PINGS}).start()


def test_stop_while_a_ping_is_unanswered(pinging, cast_for):
    romeo = cast_for(pinging).client("romeo").login()
    romeo.take(is_ping)
    pinging.stop()


def test_module_goes_while_a_ping_is_unanswered(pinging, cast_for):
    """The module that asked is gone when the answer comes, or when it is time for the next ping."""
    cast = cast_for(pinging)
    late, silent, fresh = (cast.client("romeo", name).login() for name in ("late", "silent", "fresh"))
    ping = late.take(is_ping)
    silent.take(is_ping)
    assert rewrite(pinging, lambda config: config["modules"].pop("mod_ping")).returncode == 0
    late.send(f"<iq type='result' id='{ping.get('id')}' to='{ping.get('from')}'/>")
    for client in (late, fresh):
        query = f"<query xmlns='{ns.DISCO_INFO}'/>"
        assert client.iq("get", query, to="localhost").get("type") == "result"
    assert rewrite(pinging, lambda config: None).returncode == 0
    cast.client("romeo", "new").login().take(is_ping)


def test_options_of_a_module_change(own_server, cast_for):
    """The limit that is in force counts, also for a user who is in memory since before."""
    server = own_server(max_offline=2).start()
    cast = cast_for(server)
    romeo, juliet = cast.client("romeo").online(), cast.client("juliet")

    def refused():
        romeo.message(juliet.bare)
        server.ask("get_offline_count", juliet.user, "localhost")
        return [each for each in romeo.settle() if each.get("type") == "error"]
    assert not refused() and not refused() and refused()
    assert rewrite(server, lambda config: config["shaper_rules"].update(
        max_user_offline_messages=3)).returncode == 0
    assert not refused() and refused()


def test_listener_of_an_open_stream_goes(own_server, cast_for):
    """A stream outlives the listener that it came by, and its own options with it."""
    server = own_server().start()
    cast = cast_for(server)
    romeo = cast.client("romeo", port="tls")
    romeo.connect(direct_tls=True).open()
    romeo.authenticate()
    romeo.open().bind("kept")
    assert rewrite(server, lambda config: config["listen"].pop(1)).returncode == 0
    wait.until(lambda: not wait.port_open(server.ports["tls"]), "the listener is closed")
    for _ in range(3):
        assert rewrite(server, lambda config: config.update(loglevel="debug")).returncode == 0
        romeo.ping()
    romeo.message(romeo.full, "x" * 1000)
    romeo.recv()
    romeo.close()


def test_reload_during_a_log_in(own_server, cast_for):
    """Each step of a log-in under a configuration of its own."""
    server = own_server().start()
    romeo = cast_for(server).client("romeo")
    steps = [lambda: romeo.connect().open(), romeo.starttls, romeo.authenticate, romeo.open, lambda: romeo.bind("x"),
             romeo.presence, romeo.ping]
    for number, step in enumerate(steps):
        step()
        level = ("info", "debug")[number % 2]
        assert rewrite(server, lambda config, level=level: config.update(loglevel=level)).returncode == 0
    romeo.ping()


def test_bad_certificate_keeps_the_old_one(own_server, cast_for, tmp_path):
    server = own_server().start()
    cast = cast_for(server)
    before = cast.client("romeo").connect().open().starttls().transport.certificate.digest("sha256")
    broken = tmp_path / "broken.pem"
    broken.write_text("-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n")
    done = rewrite(server, lambda config: config.update(certfiles=[str(broken)]))
    assert done.returncode != 0 and "broken.pem" in done.stdout + done.stderr
    again = cast.client("romeo", "again").connect().open().starttls()
    assert again.transport.certificate.digest("sha256") == before


def test_many_reloads_leave_nothing_behind(own_server, cast_for):
    """A stream, two certificates, a hundred reloads: memory does not grow by configurations."""
    server = own_server().start()
    romeo = cast_for(server).client("romeo").online()

    def resident():
        with open(f"/proc/{server.process.pid}/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * 4096

    def reload(count):
        for number in range(count):
            assert rewrite(server, lambda config: config.update(
                language="en" if number % 2 else "de")).returncode == 0
        romeo.ping()
    reload(150)
    before = resident()
    reload(100)
    assert resident() - before < 60 * 2**20
