# SPDX-License-Identifier: Apache-2.0
"""Reads the public headers: what is declared, and the comment that says what it does.

A comment belongs to the declaration below it and to those that follow without an empty line. A comment with an empty
line below it is a text of its own.
"""

import re
from dataclasses import dataclass, field

SKIPPED = re.compile(r"#\s*(pragma|include|undef|if|ifdef|ifndef|else|elif|endif)\b")
TYPE = re.compile(r"(typedef\b|(struct|enum|union) \w+( \{|;|$))")
DEF_ROW = re.compile(r"^([A-Z_]+)\((.*)\)$")


@dataclass
class Declaration:
    kind: str       # function, type, macro, variable
    line: int
    text: str       # as in the header; of a function with a body, what stands in front of it

    @property
    def names(self):
        """What it declares, best known first."""
        if self.kind == "macro":
            return [re.match(r"#define (\w+)", self.text)[1]]
        if self.kind == "type":
            found = re.match(r"(?:typedef .*?|struct |enum |union )(\w+)(?=\s*[{;(\n])", self.text, re.S)
            return [found[1]] if found else []
        plain = re.sub(r"__attribute__\s*\(\(.*?\)\)\)?", "", self.text, flags=re.S)
        found = re.search(r"(\w+)\s*(\(|\[|;|=)", plain)
        return [found[1]] if found else []


@dataclass
class Group:
    """Declarations under one comment, or a text alone."""
    comment: str = ""
    declarations: list = field(default_factory=list)


@dataclass
class Header:
    name: str
    about: str = ""     # its first comment
    groups: list = field(default_factory=list)
    tables: list = field(default_factory=list)      # the .def files that it includes

    def uncommented(self):
        """(line, name) of each function that no comment speaks of."""
        for group in self.groups:
            for each in group.declarations:
                if each.kind == "function" and not group.comment and "/*" not in each.text:
                    yield each.line, each.names[0]


def comment_text(lines):
    """Without the stars; empty lines and deeper indentation stay."""
    text = re.sub(r"\s*\*/\s*$", "", "\n".join(lines))
    lines = [re.sub(r"^\s*/?\*+ ?", "", line) for line in text.split("\n")]
    return "\n".join(lines).strip("\n")


def kind_of(text):
    if text.startswith("#define"):
        return "macro"
    if TYPE.match(text):
        return "type"
    return "function" if re.search(r"\w+\s*\(", text) else "variable"


def without_comments(lines):
    """The lines with comments, strings and characters blanked."""
    text = re.sub(r'/\*.*?\*/|"(\\.|[^"\\\n])*"|\'(\\.|[^\'\\\n])\'', lambda match: re.sub(r"[^\n]", " ", match[0]),
                  "\n".join(lines), flags=re.S)
    return text.split("\n")


def declaration_end(code, start):
    """The number of the line behind a declaration that begins at start."""
    if code[start].startswith("#"):
        while code[start].endswith("\\"):
            start += 1
        return start + 1
    depth = 0
    for number in range(start, len(code)):
        if code[number].startswith("#"):
            continue
        depth += sum(code[number].count(mark) for mark in "({") - sum(code[number].count(mark) for mark in ")}")
        if depth == 0 and code[number].rstrip().endswith((";", "}")):
            return number + 1
    return len(code)


def declaration(lines, start, end):
    text = "\n".join(lines[start:end])
    if text.startswith("static inline"):
        text = text.split("\n{")[0] + ";"
    return Declaration(kind_of(text), start + 1, text)


def read(name, lines):
    header, group, number, code = Header(name), None, 0, without_comments(lines)
    while number < len(lines):
        line, start = lines[number], number
        number += 1
        included = re.match(r'#include "stanzad/(\w+\.def)"', line)
        if included and included[1] not in header.tables:
            header.tables.append(included[1])
        if "SPDX" in line or SKIPPED.match(line):
            continue
        if not line:
            group = None
        elif line.startswith("/*"):
            while "*/" not in lines[number - 1]:
                number += 1
            text = comment_text(lines[start:number])
            if not header.about and not header.groups:
                header.about = text
            else:
                group = Group(text)
                header.groups.append(group)
        else:
            number = declaration_end(code, start)
            if group is None:
                group = Group()
                header.groups.append(group)
            group.declarations.append(declaration(lines, start, number))
    return header


def read_table(lines):
    """The rows of a .def file, each a list of its columns; and its comments."""
    rows, comments, number = [], [], 0
    while number < len(lines):
        start = number
        number += 1
        if lines[start].startswith("/*") and "SPDX" not in lines[start]:
            while "*/" not in lines[number - 1]:
                number += 1
            comments.append(comment_text(lines[start:number]))
        row = DEF_ROW.match(lines[start])
        if row:
            rows.append([part.strip().strip('"') for part in re.split(r',\s*(?=(?:[^"]*"[^"]*")*[^"]*$)', row[2])])
    return rows, "\n\n".join(comments)
