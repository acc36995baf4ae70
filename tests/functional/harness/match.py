# SPDX-License-Identifier: Apache-2.0
"""Stanza patterns: XML with placeholders, compared with what a server sent.

Attributes and children that a pattern lists must be there. Other attributes are allowed unless the
element's text holds {exact}; other children are forbidden unless it holds {more}. Children may come
in any order. In attribute values and text:

    {any}          anything at all          {any:name}     anything, remembered as {name}
    {none}         (attribute) is absent    {name}         what was remembered or given
    {absent}       (child) nothing of this name and namespace is there
"""
import re

from .stream import parse, show

PLACEHOLDER = re.compile(r"\{([a-z_][\w.:-]*)\}", re.IGNORECASE)


class Mismatch(AssertionError):
    pass


def fill(text, values):
    """Replace {name} by its value; {any…}, {more}, {exact} and {none} stay."""
    def value(found):
        name = found.group(1)
        if name in values:
            return str(values[name])
        if name in ("any", "none", "more", "exact", "absent") or name.startswith("any:"):
            return found.group(0)
        raise KeyError(f"nothing is known as {{{name}}}")
    return PLACEHOLDER.sub(value, text)


def escape(text):
    return (str(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
            .replace("'", "&apos;").replace('"', "&quot;"))


def fill_xml(text, values):
    return fill(text, {name: escape(value) for name, value in values.items()})


def patterns(text, values):
    return parse(fill_xml(text, values))


def match(pattern, element, values):
    """Raise Mismatch that says where they differ; remember {any:name} values on success."""
    captured = {}
    _element(pattern, element, captured, _tag(element))
    values.update(captured)


def _tag(element):
    return re.sub(r"\{.*\}", "", element.tag)


def _value(wanted, got, captured, where):
    names, expression, last = [], "", 0
    for found in PLACEHOLDER.finditer(wanted):
        expression += re.escape(wanted[last:found.start()]) + "(.*)"
        names.append(found.group(1).partition(":")[2])
        last = found.end()
    expression += re.escape(wanted[last:])
    result = re.fullmatch(expression, got, re.DOTALL)
    if not result:
        raise Mismatch(f"{where}: wanted {wanted!r}, got {got!r}")
    captured.update((name, got) for name, got in zip(names, result.groups()) if name)


def _element(pattern, element, captured, where):
    if pattern.tag != element.tag:
        raise Mismatch(f"{where}: wanted {pattern.tag}, got {element.tag}")
    marks = _marks(pattern)
    for key, wanted in pattern.attrib.items():
        got = element.get(key)
        if wanted == "{none}":
            if got is not None:
                raise Mismatch(f"{where}: attribute {key} should be absent, is {got!r}")
        elif got is None:
            raise Mismatch(f"{where}: no attribute {key}")
        else:
            _value(wanted, got, captured, f"{where}@{key}")
    if "exact" in marks and set(element.attrib) - set(pattern.attrib):
        raise Mismatch(f"{where}: more attributes: {set(element.attrib) - set(pattern.attrib)}")
    _text(pattern, element, captured, where)
    _children(pattern, element, captured, where, "more" in marks)


def _all_text(element):
    return (element.text or "") + "".join(child.tail or "" for child in element)


def _marks(pattern):
    return {mark for mark in ("more", "exact", "absent") if "{%s}" % mark in _all_text(pattern)}


def _text(pattern, element, captured, where):
    wanted = _all_text(pattern).replace("{more}", "").replace("{exact}", "").strip()
    got = _all_text(element)
    if wanted or not len(pattern) and got.strip() and "more" not in _marks(pattern):
        _value(wanted, got.strip() if wanted == wanted.strip() else got, captured, f"{where} text")


def _children(pattern, element, captured, where, more):
    left = list(element)
    for wanted in pattern:
        if "absent" in _marks(wanted):
            if any(child.tag == wanted.tag for child in left):
                raise Mismatch(f"{where}: there should be no <{_tag(wanted)}>")
            continue
        reasons = []
        for child in left:
            attempt = dict(captured)
            try:
                _element(wanted, child, attempt, f"{where}/{_tag(child)}")
            except Mismatch as reason:
                if child.tag == wanted.tag:
                    reasons.append(str(reason))
                continue
            captured.update(attempt)
            left.remove(child)
            break
        else:
            why = "; ".join(reasons) or f"it has {[_tag(child) for child in element]}"
            raise Mismatch(f"{where}: no child like <{_tag(wanted)}>: {why}")
    if left and not more:
        raise Mismatch(f"{where}: unexpected child:\n{show(left[0])}")
