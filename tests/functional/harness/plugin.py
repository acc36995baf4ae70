# SPDX-License-Identifier: Apache-2.0
"""The pytest side: options, fixtures, markers, and *.scn files as tests."""
import os
import pathlib
import tempfile

import pytest

from . import wait
from .actors import Cast
from .ejabberd import Ejabberd
from .prosody import Prosody
from .scenario import Play, Scenario, ScenarioError
from .settings import Settings
from .stanzad import Stanzad, build_folder

SERVERS = {each.name: each for each in (Stanzad, Prosody, Ejabberd)}
VALGRIND = ["valgrind", "--quiet", "--error-exitcode=99", "--leak-check=full",
            "--errors-for-leak-kinds=definite", "--show-leak-kinds=definite", "--trace-children=no"]


def pytest_addoption(parser):
    group = parser.getgroup("stanzad")
    group.addoption("--server", choices=sorted(SERVERS), default="stanzad",
                    help="the server that is tested")
    group.addoption("--build-dir", help="holds stanzad and stanzactl (or STANZAD_BUILD)")
    group.addoption("--valgrind", action="store_true", help="run stanzad under valgrind")
    group.addoption("--keep", action="store_true", help="keep each server's folder, print its name")


def pytest_configure(config):
    config.addinivalue_line("markers", "only(server, ...): a test for these servers alone")
    config.addinivalue_line("markers", "differs(server, reason): the server is known to differ")
    if config.getoption("--valgrind"):
        os.environ.setdefault("STANZAD_TEST_DEADLINE", "120")
    Stanzad.build = build_folder(config)


def pytest_collection_modifyitems(config, items):
    server = config.getoption("--server")
    for item in items:
        for mark in item.iter_markers("only"):
            if server not in mark.args:
                item.add_marker(pytest.mark.skip(reason=f"only for {', '.join(mark.args)}"))
        for reason in known_differences(server, item):
            item.add_marker(pytest.mark.xfail(reason=reason,
                                              strict=not reason.startswith("sometimes")))


def known_differences(server, item):
    """Why this server may fail this test: from markers and from differences.txt."""
    yield from (mark.args[1] for mark in item.iter_markers("differs") if mark.args[0] == server)
    path, colons, rest = item.nodeid.partition("::")
    name = path.rpartition("/")[2] + colons + rest
    for other, pattern, reason in DIFFERENCES:
        if other == server and (name == pattern or name.startswith((pattern + "[", pattern + "::"))):
            yield reason


def read_differences(path):
    """Lines of "server | test | reason"; test is a file, class, test or test[case]."""
    lines = [line for line in path.read_text().splitlines() if line and line[0] != "#"]
    return [tuple(part.strip() for part in line.split(" | ")) for line in lines]


DIFFERENCES = read_differences(pathlib.Path(__file__).parent.parent / "differences.txt")


@pytest.fixture(autouse=True)
def short_deadline(request, monkeypatch):
    """A test that is known to fail need not wait long for it."""
    if request.node.get_closest_marker("xfail"):
        monkeypatch.setattr(wait, "DEADLINE", min(wait.DEADLINE, 2))


# -- servers -----------------------------------------------------------------------------------


class Farm:
    """Starts servers for the run and takes them down, checking how they ended."""

    def __init__(self, config):
        self.config, self.kind = config, SERVERS[config.getoption("--server")]
        self.root = tempfile.TemporaryDirectory(prefix="stanzad-test-")
        self.shared = pathlib.Path(self.root.name, "certificates")
        self.shared.mkdir()
        self.count = 0

    def make(self, settings):
        """A server that is configured but not started."""
        missing = self.kind.missing()
        if missing:
            pytest.exit(f"cannot test {self.kind.name}: {missing}", 2)
        self.count += 1
        folder = pathlib.Path(self.root.name, f"{self.kind.name}-{self.count}")
        folder.mkdir()
        return self.kind(settings, folder, self.shared, self.wrapper(self.kind))

    def wrapper(self, kind):
        """What a server program runs under."""
        return VALGRIND if self.config.getoption("--valgrind") and issubclass(kind, Stanzad) else ()

    def close(self):
        if self.config.getoption("--keep"):
            print(f"\nkept: {self.root.name}")
            self.root._finalizer.detach()
        else:
            self.root.cleanup()


@pytest.fixture(scope="session")
def farm(request):
    farm = Farm(request.config)
    yield farm
    farm.close()


def running(farm, settings):
    server = farm.make(settings)
    try:
        server.start()
        yield server
        server.stop()
    finally:
        if server.process:
            server.process.kill()


@pytest.fixture(scope="module")
def server(request, farm):
    """One server for a module, configured by the module's SETTINGS."""
    yield from running(farm, getattr(request.module, "SETTINGS", Settings()))


@pytest.fixture
def own_server(request, farm):
    """A server for one test that breaks, restarts or reconfigures it; the test starts it."""
    made = []

    def make(settings=None, **changes):
        made.append(farm.make(settings or Settings(**changes)))
        return made[-1]
    yield make
    for each in made:
        note(request, each)
        try:
            each.stop()
        finally:
            if each.process:
                each.process.kill()


@pytest.fixture
def cast(request, server):
    """Accounts and clients on the module's server."""
    cast = Cast(server)
    yield cast
    note(request, server, cast)
    cast.end()
    if hasattr(request.node, "failed_report"):
        wait.until(lambda: not server.process.alive() or wait.port_open(server.ports["c2s"]),
                   "the server is there or has ended")
    revive(server)


def revive(server):
    """A server that died fails the test in which it did, and not all that come after."""
    if server.process and not server.process.alive():
        process, server.process = server.process, None
        tail = process.sanitizer_report() or process.tail()
        status = process.wait()
        server.log.rename(server.log.with_suffix(f".{process.pid}"))
        server.start()
        pytest.fail(f"the server died with status {status}\n{tail}")


@pytest.fixture
def cast_for(request):
    """Like cast, for a server that the test made itself."""
    made = []

    def make(server):
        made.append(Cast(server))
        return made[-1]
    yield make
    for each in made:
        note(request, each.server, each)
        each.end()


# -- what a failure shows ------------------------------------------------------------------------


def note(request, server, cast=None):
    report = getattr(request.node, "failed_report", None)
    if report:
        report.sections.append((f"log of {server.name}", server.log_tail()))
        if cast:
            report.sections.append(("what was sent and received", cast.transcript()[-20000:]))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if call.when == "call" and report.failed:
        item.failed_report = report


def pytest_terminal_summary(terminalreporter, exitstatus):
    def count(*kinds):
        return sum(len(terminalreporter.getreports(kind)) for kind in kinds)
    passed, failed = count("passed"), count("failed", "error")
    failed = failed or int(exitstatus != 0)     # a run that broke off is no success
    skipped, differs = count("skipped"), count("xfailed")
    terminalreporter.config.verdict = (f"{skipped} skipped, {differs} known differences\n"
                                       f"{passed} passed, {failed} failed")


def pytest_unconfigure(config):
    """After everything that pytest itself prints: the last line that scripts read."""
    if hasattr(config, "verdict"):
        print(config.verdict)


# -- scenarios -----------------------------------------------------------------------------------


def pytest_collect_file(parent, file_path):
    if file_path.suffix == ".scn":
        return ScenarioFile.from_parent(parent, path=file_path)


class ScenarioFile(pytest.File):
    def collect(self):
        try:
            scenario = Scenario(self.path)
        except ScenarioError as problem:        # one bad file fails, the others are still run
            scenario = BadScenario(problem)
        item = ScenarioItem.from_parent(self, name=scenario.title or self.path.stem)
        item.scenario = scenario
        for server, reason in scenario.differs.items():
            item.add_marker(pytest.mark.differs(server, reason))
        if scenario.needs:
            item.add_marker(pytest.mark.only(*scenario.needs.split()))
        yield item


class BadScenario:
    title, differs, needs = "", {}, None

    def __init__(self, problem):
        self.problem = problem


class ScenarioItem(pytest.Item):
    """All scenarios of a run share one server with the default settings and chat rooms."""
    shared, play = {}, None

    def runtest(self):
        if isinstance(self.scenario, BadScenario):
            raise self.scenario.problem
        play = self.play = Play(self.scenario, shared_server(self.config))
        try:
            play.run()
        finally:
            play.cast.end()
            revive(play.server)

    def repr_failure(self, excinfo):
        if isinstance(excinfo.value, (AssertionError, ScenarioError)):
            text = str(excinfo.value)
        else:
            text = str(super().repr_failure(excinfo))
        if self.play:
            text += f"\n{self.play.cast.transcript()[-20000:]}\n"
            text += self.play.server.log_tail()
        return text

    def reportinfo(self):
        return self.path, 0, self.name


def shared_server(config):
    if config not in ScenarioItem.shared:
        farm = Farm(config)
        server = farm.make(Settings(rooms=True))
        server.start()
        ScenarioItem.shared[config] = (farm, server)
    return ScenarioItem.shared[config][1]


def pytest_sessionfinish(session):
    farm, server = ScenarioItem.shared.pop(session.config, (None, None))
    if server:
        try:
            server.stop()
        except AssertionError as problem:
            session.exitstatus = 1
            print(f"\nthe scenarios' server: {problem}")
        finally:
            if server.process:
                server.process.kill()
            farm.close()
