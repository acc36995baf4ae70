# SPDX-License-Identifier: Apache-2.0
"""A push service (XEP-0357) that does nothing by itself, played by a component; what clients ask of their server."""
import dataclasses

from . import match, ns, wait
from .component import Component

PUSH = "urn:xmpp:push:0"
PUBSUB = "http://jabber.org/protocol/pubsub"
PUBLISH_OPTIONS = "http://jabber.org/protocol/pubsub#publish-options"
SUMMARY = "urn:xmpp:push:summary"


def form(fields, form_type):
    """A submitted form as text."""
    fields = {"FORM_TYPE": form_type, **fields}
    return f"<x xmlns='{ns.DATA}' type='submit'>" + "".join(
        f"<field var='{var}'><value>{match.escape(value)}</value></field>" for var, value in fields.items()) + "</x>"


def values(x):
    """The fields of a form; None when there is none."""
    if x is None:
        return None
    return {each.get("var"): each.findtext(f"{{{ns.DATA}}}value") for each in x.iter(f"{{{ns.DATA}}}field")}


def enable(client, service, node=None, options=None):
    """The answer to the request."""
    attribute = "" if node is None else f"node='{match.escape(node)}'"
    content = form(options, PUBLISH_OPTIONS) if options else ""
    return client.iq("set", f"<enable xmlns='{PUSH}' jid='{service}' {attribute}>{content}</enable>")


def disable(client, service, node=None):
    attribute = "" if node is None else f"node='{match.escape(node)}'"
    return client.iq("set", f"<disable xmlns='{PUSH}' jid='{service}' {attribute}/>")


@dataclasses.dataclass
class Notification:
    id: str
    user: str           # who it is from
    node: str
    summary: dict       # None: there is none
    options: dict       # None: there are none


class PushService(Component):
    def notification(self):
        """The next one; it is not answered."""
        iq = self.take(lambda each: each.tag == f"{{{ns.CLIENT}}}iq" and each.get("type") == "set")
        assert iq.get("to") == self.host
        publish = iq.find(f"{{{PUBSUB}}}pubsub/{{{PUBSUB}}}publish")
        told = publish.find(f"{{{PUBSUB}}}item/{{{PUSH}}}notification")
        options = iq.find(f"{{{PUBSUB}}}pubsub/{{{PUBSUB}}}publish-options")
        return Notification(iq.get("id"), iq.get("from"), publish.get("node"), values(told.find(f"{{{ns.DATA}}}x")),
                            values(options))

    def accept(self, notification):
        self.send(f"<iq type='result' from='{self.host}' to='{notification.user}' id='{notification.id}'/>")
        return notification

    def refuse(self, notification, condition, type="cancel"):
        self.send(f"<iq type='error' from='{self.host}' to='{notification.user}' id='{notification.id}'>"
                  f"<error type='{type}'><{condition} xmlns='{ns.STANZA_ERRORS}'/></error></iq>")

    def take_one(self):
        return self.accept(self.notification())

    def waiting(self):
        """Notifications that are here and not taken."""
        return [element for kind, element in self.arrived()
                if kind == "stanza" and element.tag == f"{{{ns.CLIENT}}}iq" and element.get("type") == "set"]

    def until_messages(self, count):
        """Answers notifications until one says that so many messages wait; returns how many came."""
        taken = 0
        while True:
            taken += 1
            if self.take_one().summary["message-count"] == str(count):
                return taken

    def nothing_new(self, *senders):
        """What the senders did set off no notification."""
        for sender in senders:
            sender.ping()
        self.ping()
        assert not self.waiting()


def wait_told(server, count, host=None):
    """The server has sent so many notifications since its start."""
    wait.until(lambda: sent(server, host) >= count, f"{count} notifications were sent")


def sent(server, host=None):
    lines = server.ask("metrics", host or server.host).splitlines()
    row = [line.split("\t") for line in lines if "\tmod_push\tsent_notifications\t" in line]
    return int(row[0][4])
