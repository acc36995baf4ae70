# SPDX-License-Identifier: Apache-2.0
"""A new configuration in a running server: all of it or nothing, and no stream is lost."""
import signal

import pytest

from harness import certs, ns, wait, yaml

pytestmark = pytest.mark.only("stanzad")


@pytest.fixture
def server(own_server):
    return own_server().start()


@pytest.fixture
def cast(cast_for, server):
    return cast_for(server)


def rewrite(server, change):
    config = server.configuration()
    change(config)
    server.write_config(yaml.dump(config) + "\n")


def test_nothing_changed(server, cast):
    romeo = cast.client("romeo").online()
    server.ask("reload_config")
    romeo.ping()


def test_bad_file_changes_nothing(server, cast):
    romeo = cast.client("romeo").online()
    server.write_config("hosts: [other.example]\nnonsense: 1\n")
    done = server.ctl("reload_config")
    assert done.returncode != 0 and "nonsense" in done.stdout + done.stderr
    romeo.ping()
    cast.client("romeo", "second").login()


def test_signal(server, cast):
    romeo = cast.client("romeo").online()
    rewrite(server, lambda config: config["hosts"].append("new.example"))
    server.process.signal(signal.SIGHUP)
    wait.until(lambda: opens(cast, "new.example"), "the new host is served")
    romeo.ping()


def opens(cast, host):
    client = cast.nobody(host=host).connect()
    client.send(client.header())
    client.read_header()
    return client.recv().tag == f"{{{ns.STREAM}}}features"


def test_bad_file_by_signal(server, cast):
    romeo = cast.client("romeo").online()
    server.write_config("nonsense: 1\n")
    server.process.signal(signal.SIGHUP)
    wait.until(lambda: "nonsense" in server.process.text(), "it says what is wrong")
    romeo.ping()
    assert server.process.alive()


def test_host_comes_and_goes(server, cast):
    romeo = cast.client("romeo").online()
    rewrite(server, lambda config: config["hosts"].append("new.example"))
    server.ask("reload_config")
    assert opens(cast, "new.example")
    server.add_user("guest", host="new.example")
    guest = cast.nobody(host="new.example")
    guest.user = "guest"
    guest.online()
    rewrite(server, lambda config: None)
    server.ask("reload_config")
    guest.stream_error("host-gone")
    assert not opens(cast, "new.example")
    romeo.ping()


def test_listener_comes_and_goes(server, cast):
    romeo = cast.client("romeo").online()
    port = wait.free_ports(1)[0]
    rewrite(server, lambda config: config["listen"].append({"port": port, "ip": "127.0.0.1",
                                                           "module": "ejabberd_c2s", "access": "c2s"}))
    server.ask("reload_config")
    cast.nobody(port=port).connect().open()
    rewrite(server, lambda config: None)
    server.ask("reload_config")
    wait.until(lambda: not wait.port_open(port), "the listener is closed")
    romeo.ping()


def test_certificate(server, cast, tmp_path):
    romeo = cast.client("romeo").login(tls=True)
    fresh = certs.self_signed(tmp_path, "localhost")
    rewrite(server, lambda config: config.update(certfiles=[str(fresh.pem)]))
    server.ask("reload_config")
    other = cast.client("romeo", "other").connect().open().starttls()
    assert other.transport.certificate.digest("sha256") != romeo.transport.certificate.digest("sha256")
    romeo.ping()


def test_module_comes_and_goes(server, cast):
    romeo = cast.client("romeo").online()
    rewrite(server, lambda config: config["modules"].pop("mod_time"))
    server.ask("reload_config")
    query = f"<time xmlns='{ns.TIME}'/>"
    assert romeo.iq("get", query, to="localhost").get("type") == "error"
    rewrite(server, lambda config: None)
    server.ask("reload_config")
    assert romeo.iq("get", query, to="localhost").get("type") == "result"


def test_access_rule(server, cast):
    rewrite(server, lambda config: config["access_rules"].update(register={"deny": "all"}))
    server.ask("reload_config")
    client = cast.nobody().connect().open()
    assert client.features.find(f"{{{ns.REGISTER_FEATURE}}}register") is None


@pytest.mark.parametrize("broken", [
    lambda config: config["listen"][0].update(ip="192.0.2.1"),
    lambda config: config.update(certfiles=["/no/such/file.pem"]),
], ids=["address", "certificate"])
def test_impossible_part_changes_nothing(server, cast, broken):
    """The rest of a file, with a part that cannot be put in place, is not half in place."""
    def change(config):
        config["hosts"].append("new.example")
        broken(config)
    rewrite(server, change)
    assert server.ctl("reload_config").returncode != 0
    cast.client("romeo").login()
    assert not opens(cast, "new.example")


def test_roster_module_comes_and_goes(server, cast):
    """A session sees a module end and begin; what the module keeps is there again."""
    romeo = cast.client("romeo").online()
    query = f"<query xmlns='{ns.ROSTER}'/>"
    romeo.iq("set", f"<query xmlns='{ns.ROSTER}'><item jid='friar@example.com'/></query>")
    for _ in range(3):
        rewrite(server, lambda config: [config["modules"].pop(name) for name in ("mod_roster", "mod_last")])
        server.ask("reload_config")
        assert romeo.iq("get", query).get("type") == "error"
        rewrite(server, lambda config: config["modules"].update(mod_roster={}, mod_last={}))
        server.ask("reload_config")
        wait.until(lambda: [each.get("jid") for each in romeo.iq("get", query).iter(f"{{{ns.ROSTER}}}item")]
                   == ["friar@example.com"], "the roster is back")
    romeo.ping()


def test_log_file_that_cannot_be_opened_changes_nothing(server, cast):
    rewrite(server, lambda config: (config["hosts"].append("new.example"),
                                    config.update(log_file="/no/such/folder/log")))
    assert server.ctl("reload_config").returncode != 0
    assert not opens(cast, "new.example")
    cast.client("romeo").login()


def test_what_needs_a_restart_is_named(server):
    rewrite(server, lambda config: config.update(workers=1))
    assert "workers" in server.ask("reload_config")


def test_finer_log_levels(server, cast):
    """'notice' is above 'info': the log-in is not logged."""
    rewrite(server, lambda config: config.update(loglevel="notice"))
    server.ask("reload_config")
    cast.client("romeo").online()
    assert "c2s.bound" not in server.process.text()
