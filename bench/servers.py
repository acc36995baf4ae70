# SPDX-License-Identifier: Apache-2.0
"""The servers that the benchmark compares: how each is set up, started on loopback, and stopped.

Every server serves `localhost`, has the accounts u0, u1, ... with one password, kept as SCRAM-SHA-1 keys
with 4096 iterations, a plain and a direct-TLS client port without shapers, the same ECDSA certificate, and
the modules of a basic instant-messaging server. The first account is made by the server's own tool where
there is one; the others are copies of its record, because registering 20,000 accounts one by one takes
ejabberd minutes.
"""

import base64
import hashlib
import hmac
import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import time

HOST = "127.0.0.1"
DOMAIN = "localhost"
PASSWORD = "secret"
ITERATIONS = 4096
START_SECONDS_MAX = 120


class ServerError(Exception):
    pass


def free_port():
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return probe.getsockname()[1]


def make_certificate(folder):
    """An ECDSA P-256 certificate. Returns the paths of certificate, key, and both in one file."""
    cert, key, both = (os.path.join(folder, name) for name in ("cert.pem", "key.pem", "both.pem"))
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
         "-days", "30", "-subj", "/CN=" + DOMAIN, "-addext", "subjectAltName=DNS:" + DOMAIN,
         "-keyout", key, "-out", cert],
        check=True, capture_output=True)
    with open(both, "w") as out:
        for part in (cert, key):
            with open(part) as source:
                out.write(source.read())
    return cert, key, both


def stream_features(port, domain):
    """Opens a stream and says whether features arrive at once; any refusal counts as not yet."""
    header = ("<?xml version='1.0'?><stream:stream to='%s' version='1.0' xmlns='jabber:client' "
              "xmlns:stream='http://etherx.jabber.org/streams'>" % domain)
    try:
        with socket.create_connection((HOST, port), timeout=10) as client:
            client.sendall(header.encode())
            answer = b""
            while b"<stream:features" not in answer:
                more = client.recv(4096)
                if not more:
                    return False
                answer += more
        return True
    except OSError:
        return False


class Server:
    name = ""
    package = None      # Debian package
    program = None      # file that shows it is installed
    mechanism = "SCRAM-SHA-1"
    has_tls = True
    has_accounts = True
    resumes = False     # streams outlive the process, whatever ends it

    domain = DOMAIN
    federation = None   # federation.Membership of a server that talks to another one
    wrapper = ()        # what its program is started with
    modules = ""        # lines of configuration that it has more than the others of its kind
    options = ""
    environment_more = {}

    def __init__(self, work, build):
        self.build = build
        self.folder = os.path.join(work, self.name)
        self.port = free_port()
        self.tls_port = free_port()
        self.process = None

    def arguments(self):
        """Of the generator."""
        return ["--domain", self.domain]

    def installed(self):
        return os.path.exists(self.program)

    def path(self, *parts):
        return os.path.join(self.folder, *parts)

    def write(self, name, text):
        with open(self.path(name), "w") as out:
            out.write(text)

    def prepare(self, accounts, certificate):
        """Makes configuration and data directory, with that many accounts."""
        os.makedirs(self.folder)
        self.configure(certificate)
        self.create_accounts(accounts)

    def configure(self, certificate):
        pass

    def create_accounts(self, accounts):
        pass

    def command(self):
        raise NotImplementedError

    def environment(self):
        return dict(os.environ, HOME=self.folder, **self.environment_more)

    def launch(self, command):
        output = open(self.path("output.log"), "ab")
        with output:
            return subprocess.Popen([*self.wrapper, *command], env=self.environment(), cwd=self.folder,
                                    start_new_session=True, stdin=subprocess.DEVNULL, stdout=output, stderr=output)

    def start(self):
        """Starts the server and waits until a stream gets features. Returns the milliseconds that took."""
        begun = time.monotonic()
        self.process = self.launch(self.command())
        while not stream_features(self.port, self.domain):
            if self.process.poll() is not None:
                raise ServerError("%s ended at its start; see %s" % (self.name, self.path("output.log")))
            if time.monotonic() - begun > START_SECONDS_MAX:
                raise ServerError("%s does not answer; see %s" % (self.name, self.path("output.log")))
            time.sleep(0.001)
        return (time.monotonic() - begun) * 1000

    def kill(self):
        """No chance to write anything down."""
        self.process.kill()
        self.process.wait()
        self.process = None

    def restart(self):
        """A new process at once, which may not listen yet; after a kill if streams outlive that."""
        self.kill() if self.resumes else self.stop()
        self.process = self.launch(self.command())

    def stop(self):
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        self.process = None


EJABBERD_SYNTAX = """\
hosts:
  - {domain}
loglevel: {loglevel}
certfiles:
  - {both}
listen:
  -
    port: {port}
    ip: "{host}"
    module: ejabberd_c2s
    starttls: true
    starttls_required: false
    backlog: 1024
  -
    port: {tls_port}
    ip: "{host}"
    module: ejabberd_c2s
    tls: true
    backlog: 1024
{listen}auth_method: internal
auth_password_format: scram
{more}modules:
  mod_roster: {{}}
  mod_offline: {{}}
  mod_disco: {{}}
  mod_ping: {{}}
  mod_last: {{}}
  mod_private: {{}}
  mod_version: {{}}
  mod_time: {{}}
  mod_caps: {{}}
  mod_register: {{}}
{modules}"""


def ejabberd_yml(server, certificate, more="", loglevel="warning"):
    listen = server.federation.listener() if server.federation else ""
    more += server.options + (server.federation.options() if server.federation else "")
    return EJABBERD_SYNTAX.format(domain=server.domain, listen=listen, host=HOST, port=server.port,
                                  tls_port=server.tls_port, both=certificate[2], more=more, loglevel=loglevel,
                                  modules=server.modules)


class Stanzad(Server):
    name = "stanzad"

    def __init__(self, work, build):
        super().__init__(work, build)
        self.program = os.path.join(build, "stanzad")
        self.control = os.path.join(build, "stanzactl")

    def configure(self, certificate):
        self.write("stanzad.yml", ejabberd_yml(self, certificate, "workers: 1\n" + self.resolving()))
        os.makedirs(self.path("data"))

    def command(self):
        return [self.program, "--config", self.path("stanzad.yml"), "--data-dir", self.path("data")]

    def resolving(self):
        return self.federation.resolving() if self.federation else ""

    def create_accounts(self, accounts):
        self.write("first-account", "register u0 %s %s\n" % (self.domain, PASSWORD))
        try:
            self.start()
            command = [self.control, "--socket", self.path("data", "ctl.sock")]
            subprocess.run(command + ["--batch", self.path("first-account")],
                           check=True, capture_output=True, text=True)
        except subprocess.CalledProcessError as error:
            raise ServerError("stanzactl: " + error.stdout + error.stderr)
        finally:
            self.stop()
        self.copy_account(accounts)

    def copy_account(self, accounts):
        with sqlite3.connect(self.path("data", "stanzad.db")) as database:
            columns = [row[1] for row in database.execute("PRAGMA table_info(users)")]
            wanted = ", ".join("'u' || n" if column == "username" else column for column in columns)
            database.execute(
                "WITH RECURSIVE counter(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counter WHERE n + 1 < ?) "
                "INSERT INTO users (%s) SELECT %s FROM users, counter WHERE username = 'u0'"
                % (", ".join(columns), wanted), (accounts,))
        database.close()


EJABBERD_COPY = """\
ok = ejabberd_auth:try_register(<<"u0">>, <<"{domain}">>, <<"{password}">>),
[First] = mnesia:dirty_read(passwd, {{<<"u0">>, <<"{domain}">>}}),
Name = fun(I) -> <<"u", (integer_to_binary(I))/binary>> end,
Copy = fun(I) -> setelement(2, First, {{Name(I), <<"{domain}">>}}) end,
[ok = mnesia:dirty_write(Copy(I)) || I <- lists:seq(1, {accounts} - 1)],
mnesia:dump_log(), init:stop().
"""


class Ejabberd(Server):
    """Debian's ejabberd, run as ejabberdctl runs it, but as any user, in its own folder, and without epmd."""

    name = "ejabberd"
    package = "ejabberd"
    program = "/usr/sbin/ejabberdctl"

    def configure(self, certificate):
        self.write("ejabberd.yml", ejabberd_yml(self, certificate,
                                                'disable_sasl_mechanisms: ["digest-md5", "X-OAUTH2"]\n'))
        os.makedirs(self.path("spool"))
        self.distribution_port = free_port()

    def environment(self):
        with open(self.program) as script:
            libraries = re.search(r"^ERL_LIBS='?([^'\n]+)", script.read(), re.M)
        return dict(super().environment(), ERL_LIBS=libraries.group(1), ERL_MAX_PORTS="32000",
                    ERL_CRASH_DUMP_BYTES="0", ERL_INETRC="/etc/ejabberd/inetrc",
                    EJABBERD_CONFIG_PATH=self.path("ejabberd.yml"),
                    EJABBERD_LOG_PATH=self.path("ejabberd.log"), EJABBERD_PID_PATH=self.path("ejabberd.pid"))

    def command(self):
        return ["erl", "-sname", "ejabberd@localhost", "+K", "true", "+P", "250000",
                "-erl_epmd_port", str(self.distribution_port), "-start_epmd", "false",
                "-kernel", "inet_dist_use_interface", "{127,0,0,1}",
                "-mnesia", "dir", '"%s"' % self.path("spool"), "-s", "ejabberd", "-noinput"]

    def create_accounts(self, accounts):
        code = EJABBERD_COPY.format(domain=self.domain, password=PASSWORD, accounts=accounts)
        self.process = self.launch(self.command() + ["-eval", code.replace("\n", " ")])
        try:
            status = self.process.wait(300)
        except subprocess.TimeoutExpired:
            status = None
        finally:
            self.stop()
        if status != 0:
            raise ServerError("ejabberd could not make accounts; see " + self.path("output.log"))


PROSODY_CFG = """\
run_as_root = true
data_path = "{data}"
pidfile = "{folder}/prosody.pid"
log = {{ {{ levels = {{ min = "warn" }}, to = "file", filename = "{folder}/prosody.log" }} }}
interfaces = {{ "{host}" }}
c2s_ports = {{ {port} }}
c2s_direct_tls_ports = {{ {tls_port} }}
c2s_require_encryption = false
allow_unencrypted_plain_auth = true
ssl = {{ certificate = "{cert}", key = "{key}"{authority} }}
network_backend = "epoll"
network_settings = {{ tcp_backlog = 1024 }}
authentication = "internal_hashed"
storage = "internal"
modules_enabled = {{ "roster", "saslauth", "tls", "disco", "private", "version", "time", "ping", "register"{modules} }}
{options}{s2s}
VirtualHost "{domain}"
"""

PROSODY_ACCOUNT = """\
return {{
	["iteration_count"] = {iterations};
	["salt"] = "{salt}";
	["stored_key"] = "{stored_key}";
	["server_key"] = "{server_key}";
}};
"""


class Prosody(Server):
    name = "prosody"
    package = "prosody"
    program = "/usr/bin/prosody"

    def configure(self, certificate):
        cert, key, _ = certificate
        self.write("prosody.cfg.lua", PROSODY_CFG.format(
            data=self.path("data"), folder=self.folder, host=HOST, port=self.port, tls_port=self.tls_port,
            cert=cert, key=key, domain=self.domain, modules=self.modules, options=self.options,
            authority=', cafile = "%s"' % self.federation.network.authority.crt if self.federation else "",
            s2s=self.federation.prosody() if self.federation else 'modules_disabled = { "s2s" }'))

    def command(self):
        return [self.program, "--config", self.path("prosody.cfg.lua"), "-F"]

    @property
    def store(self):
        return "".join(each if each.isalnum() else "%%%02x" % ord(each) for each in self.domain)

    def create_accounts(self, accounts):
        salt = base64.b64encode(os.urandom(18)).decode()
        salted = hashlib.pbkdf2_hmac("sha1", PASSWORD.encode(), salt.encode(), ITERATIONS)
        client_key = hmac.digest(salted, b"Client Key", "sha1")
        text = PROSODY_ACCOUNT.format(
            iterations=ITERATIONS, salt=salt, stored_key=hashlib.sha1(client_key).hexdigest(),
            server_key=hmac.digest(salted, b"Server Key", "sha1").hex())
        os.makedirs(self.path("data", self.store, "accounts"))
        for number in range(accounts):
            self.write(os.path.join("data", self.store, "accounts", "u%d.dat" % number), text)


class Relay(Server):
    name = "relay"
    mechanism = "PLAIN"
    has_tls = False
    has_accounts = False

    def __init__(self, work, build):
        super().__init__(work, build)
        self.program = os.path.join(build, "bench", "relay")

    def command(self):
        return [self.program, str(self.port)]


ALL = {server.name: server for server in (Stanzad, Ejabberd, Prosody, Relay)}


def remove_tree(folder):
    shutil.rmtree(folder, ignore_errors=True)
