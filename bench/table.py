# SPDX-License-Identifier: Apache-2.0
"""The table at the end of a comparison."""

import math

import rows

GIVEN_UP = "given up"
FLOOR = "NO, nor relay"     # missed, but the bare relay, which checks nothing, does not get there either


def finite(value):
    """For JSON, which has no infinity: what was given up has no number."""
    return None if value is None or math.isinf(value) else value


def number(value):
    if value is None:
        return "-"
    if math.isinf(value):
        return GIVEN_UP
    return "%.0f" % value if abs(value) >= 100 else "%.1f" % value if abs(value) >= 10 else "%.2f" % value


def ratio(values):
    if not values.get("stanzad") or math.inf in (values["stanzad"], values.get("ejabberd", math.inf)):
        return "-"
    return "%.1f" % (values["ejabberd"] / values["stanzad"])


def verdict(outcome):
    limit, values = outcome.limit, outcome.values
    if limit is None or values.get("stanzad") is None:
        return "-"
    if values["stanzad"] <= limit:
        return "yes"
    return "NO" if values.get("relay") is None or values["relay"] <= limit else FLOOR


def lines(measured, servers):
    """measured: rows.Outcome each. Returns the aligned lines, heading first."""
    cells = [["work", "unit", *servers, "ejabberd/stanzad", "at most", "that is", "met"]]
    for outcome in measured:
        metric, values = outcome.metric, outcome.values
        cells.append([metric.title, metric.unit, *(number(values.get(server)) for server in servers),
                      ratio(values), rows.limit_words(metric), number(outcome.limit), verdict(outcome)])
    widths = [max(len(row[column]) for row in cells) for column in range(len(cells[0]))]
    text_columns = (0, 1, len(cells[0]) - 3)
    return ["  ".join(cell.ljust(width) if column in text_columns else cell.rjust(width)
                      for column, (cell, width) in enumerate(zip(row, widths))).rstrip() for row in cells]
