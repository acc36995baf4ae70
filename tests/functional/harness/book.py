# SPDX-License-Identifier: Apache-2.0
"""A reader who does what a page of documentation says, line by line, and compares what happens with what it says.

The page is Markdown. What is between fences counts, by the words behind the three backticks:

    c mod_hello.c       any language and the name of a file: the file has this text from now on
    diff mod_hello.c    a change of that file: lines that stay (' '), go ('-') and come ('+'); hunks begin with @@
    sh                  typed into one shell that lives as long as the page; every command must succeed
    sh fails            the last command must not succeed
    output              what the commands of the sh block above printed: "…" stands for anything in a line, a line
                        with "…" alone for any lines

Other fences are for the eye. Everything else is prose.
"""
import os
import re
import secrets
import select
import signal
import subprocess
import time
from dataclasses import dataclass

from . import wait

FENCE = re.compile(r"^```(\w*) ?(.*)$")


@dataclass
class Block:
    line: int
    language: str
    argument: str
    text: str


def blocks(page):
    """The fenced blocks of a page, in order."""
    found, begin = [], None
    for number, line in enumerate(page.read_text().split("\n"), 1):
        fence = FENCE.match(line)
        if fence and begin is None:
            begin = Block(number, fence[1], fence[2].strip(), "")
        elif fence:
            found.append(begin)
            begin = None
        elif begin is not None:
            begin.text += line + "\n"
    assert begin is None, f"{page.name}:{begin.line}: the fence is not closed"
    return found


def pattern(expected):
    """A regular expression for the text of an output block."""
    parts = []
    for line in expected.rstrip("\n").split("\n"):
        parts.append(r"(.*\n)*?" if line == "…" else ".*".join(map(re.escape, line.split("…"))) + r"\n")
    return re.compile("".join(parts))


def changed(text, diff):
    """The text after a diff; what a hunk changes must be there exactly once."""
    for hunk in re.split(r"^@@.*\n", diff, flags=re.M):
        lines = [line or " " for line in hunk.split("\n")[:-1]]
        old = "".join(line[1:] + "\n" for line in lines if line[0] in " -")
        new = "".join(line[1:] + "\n" for line in lines if line[0] in " +")
        assert all(line[0] in " -+" for line in lines), f"not a diff:\n{hunk}"
        assert text.count(old) == 1, f"found {text.count(old)} times, not once:\n{old}"
        text = text.replace(old, new)
    return text


class Reader:
    """Follows a page in a shell of its own, whose processes end with it."""

    def __init__(self, folder, environment, replaced):
        """replaced: what is written differently here than on the page, such as ports."""
        self.replaced, self.page = replaced, None
        self.output, self.said = "", []
        self.shell = subprocess.Popen(["bash", "--norc", "--noprofile"], cwd=folder, env=environment,
                                      stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                      bufsize=0, start_new_session=True)

    def close(self):
        try:
            os.killpg(self.shell.pid, signal.SIGTERM)
        except ProcessLookupError:
            pass
        self.shell.stdin.close()
        self.shell.wait(wait.DEADLINE)
        self.shell.stdout.close()

    def read(self, page):
        self.page = page
        for block in blocks(page):
            try:
                self.follow(block)
            except AssertionError as problem:
                raise AssertionError(f"{page.name}:{block.line}: {problem}\n--- before:\n"
                                     + "".join(self.said[-6:])) from None

    def follow(self, block):
        text = block.text
        for old, new in self.replaced.items():
            text = text.replace(old, new)
        if block.language == "sh":
            self.type(text, fails=block.argument == "fails")
        elif block.language == "output":
            assert pattern(text).fullmatch(self.output), f"expected:\n{text}--- but got:\n{self.output}"
        elif block.argument:
            path = self.place() / block.argument
            path.write_text(changed(path.read_text(), text) if block.language == "diff" else text)

    def place(self):
        return type(self.page)(self.ask("pwd").strip())

    def type(self, text, fails):
        marker = secrets.token_hex(8)
        trap = "" if fails else "trap 'wrong=$?; trap - ERR; return' ERR\n"     # nothing behind it is typed
        self.output, _, status = self.ask(
            f"block() {{\n{trap}{text}}}\nwrong=0; block; last=$?; trap - ERR; echo {marker} $wrong $last\n"
        ).rpartition(marker)
        self.said.append("".join(f"$ {line}\n" for line in text.split("\n")[:-1]) + self.output)
        wrong, last = status.split()
        assert wrong == "0", f"a command failed with status {wrong}:\n{text}{self.output}"
        assert not fails or last != "0", f"this should have failed:\n{text}{self.output}"

    def ask(self, commands):
        """What the shell prints for these commands."""
        end = f"end-{secrets.token_hex(8)}\n".encode()
        self.shell.stdin.write(commands.encode() + b"\necho " + end)
        said, deadline = b"", time.monotonic() + 6 * wait.DEADLINE
        while not said.endswith(end):
            left = deadline - time.monotonic()
            ready = left > 0 and select.select([self.shell.stdout], [], [], left)[0]
            more = os.read(self.shell.stdout.fileno(), 65536) if ready else b""
            assert more, f"no end of:\n{commands}{said.decode(errors='replace')}"
            said += more
        return said[:-len(end)].decode(errors="replace")
