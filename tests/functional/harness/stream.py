# SPDX-License-Identifier: Apache-2.0
"""Bytes of an XML stream in, stream header, stanzas and stream end out."""
import xml.etree.ElementTree as ET
from xml.parsers import expat

XML_NAMESPACE = "http://www.w3.org/XML/1998/namespace"


def clark(name):
    """expat's "namespace local" as ElementTree's "{namespace}local"."""
    return "{%s}%s" % tuple(name.rsplit(" ", 1)) if " " in name else name


class StreamParser:
    """feed() returns a list of ("header", attributes), ("stanza", element) and ("end", None)."""

    def __init__(self):
        self.events, self.depth, self.builder, self.waiting = [], 0, None, b""
        self.expat = expat.ParserCreate(namespace_separator=" ")
        self.expat.buffer_text = True
        self.expat.StartElementHandler = self._start
        self.expat.EndElementHandler = self._end
        self.expat.CharacterDataHandler = self._text

    def feed(self, data):
        """expat may put off a token that came in pieces, so it gets tags whole."""
        self.waiting += data
        whole = self.waiting.rfind(b">") + 1
        self.expat.Parse(self.waiting[:whole], False)
        self.waiting = self.waiting[whole:]
        events, self.events = self.events, []
        return events

    def _start(self, name, attributes):
        attributes = {clark(key): value for key, value in attributes.items()}
        if self.depth == 0:
            self.events.append(("header", dict(attributes, tag=clark(name))))
        else:
            if self.depth == 1:
                self.builder = ET.TreeBuilder()
            self.builder.start(clark(name), attributes)
        self.depth += 1

    def _end(self, name):
        self.depth -= 1
        if self.depth == 0:
            self.events.append(("end", None))
            return
        self.builder.end(clark(name))
        if self.depth == 1:
            self.events.append(("stanza", self.builder.close()))
            self.builder = None

    def _text(self, text):
        if self.builder:
            self.builder.data(text)


def parse(text, namespace="jabber:client"):
    """The stanzas that a piece of text holds, as a stream would carry them."""
    parser = StreamParser()
    opening = (f"<stream:stream xmlns='{namespace}' "
               "xmlns:stream='http://etherx.jabber.org/streams'>")
    try:
        events = parser.feed(opening.encode() + text.encode() + b"</stream:stream>")
    except expat.ExpatError as error:
        raise ValueError(f"{error} in: {text}") from None
    return [element for kind, element in events if kind == "stanza"]


def show(element):
    """An element as indented XML without prefixes, for people to read."""
    def walk(node, outer, depth):
        space, _, tag = node.tag[1:].rpartition("}") if node.tag[0] == "{" else ("", "", node.tag)
        text = "  " * depth + "<" + tag + (f" xmlns='{space}'" if space != outer else "")
        text += "".join(f" {key.replace('{' + XML_NAMESPACE + '}', 'xml:')}='{value}'"
                        for key, value in node.attrib.items())
        body = (node.text or "").strip()
        if not len(node):
            return text + (f">{body}</{tag}>" if body else "/>")
        inner = "\n".join(walk(child, space, depth + 1) for child in node)
        return f"{text}>{body}\n{inner}\n{'  ' * depth}</{tag}>"
    return walk(element, "jabber:client", 0)
