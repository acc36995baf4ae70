# SPDX-License-Identifier: Apache-2.0
"""What the documentation for authors of modules says is so: its pages are followed to the letter."""
import os
import pathlib
import re

import pytest

from harness import wait
from harness.book import Reader, blocks, changed, pattern
from harness.installed import Installed
from harness.stanzad import Stanzad

TOP = pathlib.Path(__file__).resolve().parents[2]
DOCS = TOP / "docs"
pytestmark = pytest.mark.only("stanzad")


@pytest.fixture
def reader(tmp_path):
    """Somebody who has just installed the server into ~/stanzad; only the port is one that is free."""
    installed = Installed(Stanzad.build, tmp_path / "root")
    (tmp_path / "stanzad").symlink_to(installed.prefix)
    environment = {"HOME": str(tmp_path), "PATH": "/usr/local/bin:/usr/bin:/bin",
                   **{name: os.environ[name] for name in ("ASAN_OPTIONS",) if name in os.environ}}
    reader = Reader(tmp_path, environment, {"5223": str(wait.free_ports(1)[0])})
    yield reader
    reader.close()


def test_modules(reader, tmp_path):
    reader.read(DOCS / "MODULES.md")
    log = (tmp_path / "hello" / "server.log").read_text()
    assert "server.stopped" in log and "Sanitizer" not in log, log[-4000:]


class TestReader:
    """The reader notices what is wrong."""

    @pytest.mark.parametrize("page, complaint", [
        ("```sh\nfalse\ntrue\n```\n", "failed with status 1"),
        ("```sh fails\ntrue\n```\n", "should have failed"),
        ("```sh\necho a\necho b\n```\n```output\na\n```\n", "expected"),
        ("```text a\nx\n```\n```diff a\n y\n+z\n```\n", "found 0 times"),
        ("```sh\n", "not closed"),
    ])
    def test_complains(self, reader, tmp_path, page, complaint):
        path = tmp_path / "page.md"
        path.write_text(page)
        with pytest.raises(AssertionError, match=complaint):
            reader.read(path)

    def test_follows(self, reader, tmp_path):
        path = tmp_path / "page.md"
        path.write_text("```sh\nmkdir a; cd a; x=1\n```\n```text b\nold\nend\n```\n```diff b\n-old\n+new\n end\n```\n"
                        "```sh\ncat b; echo $x 5223\n```\n```output\nn…w\nend\n1 5223\n```\n")
        reader.read(path)
        assert (tmp_path / "a" / "b").read_text() == "new\nend\n"

    def test_blocks(self, tmp_path):
        path = tmp_path / "page.md"
        path.write_text("prose\n```c a.c\nint a;\n```\nmore\n```\nfor the eye\n```\n")
        assert [(each.line, each.language, each.argument, each.text) for each in blocks(path)] == [
            (2, "c", "a.c", "int a;\n"), (6, "", "", "for the eye\n")]

    def test_patterns(self):
        assert pattern("…\na…c\n").fullmatch("x\ny\nabbc\n") and pattern("…\nb\n").fullmatch("b\n")
        assert not pattern("a.c\n").fullmatch("abc\n")
        assert changed("a\nb\nc\n", " a\n+x\n@@\n-c\n") == "a\nx\nb\n"


def test_examples_stand_in_the_page_as_they_are():
    """The code that FROM-EJABBERD.md shows is that of examples/."""
    shown = [each.text for each in blocks(DOCS / "FROM-EJABBERD.md") if each.language == "c"]
    sources = "".join(path.read_text() for path in (TOP / "examples").rglob("*.c"))
    assert len(shown) == 2 and all(part in sources for part in shown)


@pytest.mark.parametrize("page", ["FROM-EJABBERD.md"])
def test_names_are_declared(page):
    """Every C name in the right-hand columns of the tables is in a public header."""
    headers = "".join(path.read_text() for path in (TOP / "include" / "stanzad").iterdir())
    known = set(re.findall(r"\w+", headers)) | OTHER_NAMES
    known |= {f"hook_run_{name}" for name in re.findall(r"^HOOK\((\w+)", headers, re.M)}
    known |= {f"SE_{name}" for name in re.findall(r"^STANZA_CONDITION\((\w+)", headers, re.M)}
    rows = [line.split("|")[2:] for line in (DOCS / page).read_text().split("\n") if line.startswith("|")]
    code = " ".join(part for row in rows for cell in row for part in re.findall(r"`([^`]*)`", cell))
    unknown = set(re.findall(r"\b[A-Za-z]\w*_\w+", code)) - known
    assert not unknown, unknown


OTHER_NAMES = {"mod_NAME", "on_stanza", "module_load", "module_unload", "module_reload", "modules_installed",
               "stanzad_hooks"}
