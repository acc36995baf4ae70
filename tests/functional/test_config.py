# SPDX-License-Identifier: Apache-2.0
"""stanzad --check: what is wrong with a configuration, and where."""
import glob
import re

import pytest

pytestmark = pytest.mark.only("stanzad")
BASE = "hosts: [localhost]\nlisten:\n  - port: 5222\n    module: ejabberd_c2s\n"

# What is wrong: text, line and column of the mistake, words that the message must hold.
MISTAKES = {
    "unknown option": (BASE + "hostss: [a]\n", 5, 1, ["hostss", "hosts"]),
    "misspelt module option": (BASE + "modules:\n  mod_ping:\n    ping_intervall: 60\n", 7, 5,
                               ["ping_intervall", "ping_interval"]),
    "unknown module": (BASE + "modules:\n  mod_pingg: {}\n", 6, 3, ["mod_pingg", "mod_ping"]),
    "unknown listener": (BASE.replace("c2s", "c2ss"), 4, 13, ["ejabberd_c2ss", "ejabberd_c2s"]),
    "bad port": (BASE.replace("5222", "70000"), 3, 11, ["70000"]),
    "port is a word": (BASE.replace("5222", "many"), 3, 11, ["many"]),
    "not a boolean": (BASE + "    starttls: maybe\n", 5, 15, ["maybe", "true"]),
    "not a log level": (BASE + "loglevel: loud\n", 5, 11, ["loud", "info"]),
    "bad unit": (BASE + "negotiation_timeout: 10 minuets\n", 5, 22, ["10 minuets"]),
    "bad host": ("hosts: ['a b']\n" + BASE.split("\n", 1)[1], 1, 9, ["a b"]),
    "bad address": (BASE + "acl:\n  x:\n    ip: 300.0.0.1\n", 7, 9, ["300.0.0.1"]),
    "bad expression": (BASE + "acl:\n  x:\n    user_regexp: '('\n", 7, 18, ["("]),
    "missing certificate": (BASE + "certfiles: [/no/such/file.pem]\n", 5, 13, ["/no/such/file.pem"]),
    "bad scram hash": (BASE + "auth_scram_hash: md5\n", 5, 18, ["md5", "sha256"]),
}


def problems(done):
    """(line, column, text) of every error in what --check printed."""
    found = re.findall(r"^[^:\n]+:(\d+):(\d+): error: (.*)$", done.stdout + done.stderr, re.MULTILINE)
    return [(int(line), int(column), text) for line, column, text in found]


@pytest.fixture(scope="module")
def check(farm):
    from harness.settings import Settings
    server = farm.make(Settings())
    return server.check


class TestCheck:
    def test_good(self, check):
        done = check(BASE)
        assert done.returncode == 0 and problems(done) == []

    @pytest.mark.parametrize("case", MISTAKES)
    def test_mistake(self, check, case):
        text, line, column, words = MISTAKES[case]
        done = check(text)
        assert done.returncode != 0
        found = problems(done)
        assert len(found) == 1, done.stdout + done.stderr
        assert found[0][:2] == (line, column), found
        assert [word for word in words if word not in found[0][2]] == [], found

    def test_all_at_once(self, check):
        done = check(BASE + "hostss: [a]\nloglevel: loud\nmodules:\n  mod_pingg: {}\n"
                     "shaper:\n  x: fast\n")
        assert [line for line, _, _ in sorted(problems(done))] == [5, 6, 8, 10]

    @pytest.mark.parametrize("text", ["hosts: [a\n", "a: b: c\n", "\t- x\n", "hosts: [a]\nhosts: [b]\n",
                                      "- a\n- b\n", "x: &a 1\ny: *b\n", "%", 'hosts: ["\\x00"]'],
                             ids=range(8))
    def test_no_yaml(self, check, text):
        done = check(text)
        assert done.returncode != 0
        assert re.search(r":\d+:\d+: error: ", done.stdout + done.stderr)

    def test_empty_file_has_no_hosts(self, check):
        assert check("").returncode != 0

    def test_missing_file(self, check):
        done = check(BASE + "include_config_file: /no/such/file.yml\n")
        assert done.returncode != 0 and "/no/such/file.yml" in done.stdout + done.stderr

    def test_known_but_not_available(self, check):
        """What ejabberd has and stanzad has not yet is named, and is no error."""
        done = check(BASE + "modules:\n  mod_avatar: {}\n")
        assert done.returncode == 0 and "mod_avatar" in done.stdout + done.stderr

    def test_nothing_is_started(self, check, tmp_path):
        check(BASE)
        assert not list(tmp_path.iterdir())


class TestSyntax:
    """ejabberd.yml's own rules."""

    @pytest.mark.parametrize("text", [
        "access_rules:\n  a:\n    allow: all\n",
        "access_rules:\n  a:\n    - deny: blocked\n    - allow\nacl:\n  blocked:\n    user: x\n",
        "access_rules:\n  a: allow\n", "acl:\n  b:\n    user:\n      - x@localhost\n      - y\n",
        "acl:\n  b:\n    - user: x\n    - ip: 127.0.0.1/8\n",
        "shaper:\n  normal: 1000\n  fast:\n    rate: 3000\n    burst_size: 20000\n",
        "shaper_rules:\n  s:\n    5000: all\n", "shaper_rules:\n  s:\n    - 5000: all\n    - none\n",
        "define_macro:\n  LEVEL: debug\nloglevel: LEVEL\n",
        "define_macro:\n  'LEVEL': debug\nloglevel: 'LEVEL'\n",
        "negotiation_timeout: 30\n", "negotiation_timeout: 10 minutes\n", "negotiation_timeout: 1 hour\n",
        "registration_timeout: infinity\n", "auth_method: [internal]\n", "auth_method: internal\n",
        "host_config:\n  localhost:\n    auth_method: internal\n",
        "append_host_config:\n  localhost:\n    modules:\n      mod_ping: {}\n",
        "modules:\n  mod_ping: {}\n  mod_offline:\n    access_max_user_messages: 10\n",
        "acl:\n  admin:\n    user: ['']\n",
    ], ids=range(20))
    def test_accepted(self, check, text):
        done = check(BASE + text)
        assert done.returncode == 0, done.stdout + done.stderr

    def test_debian_file(self, check):
        """What apt-get install ejabberd puts into /etc/ejabberd."""
        files = glob.glob("/etc/ejabberd/ejabberd.yml")
        if not files:
            pytest.skip("the package ejabberd is not installed")
        with open(files[0], encoding="utf-8") as file:
            done = check(file.read())
        assert done.returncode == 0, done.stdout + done.stderr
