# SPDX-License-Identifier: Apache-2.0
"""RFC 6121 Appendix A as data.

A state is written as the subscription, then +o when our request is pending at the contact (ask),
then +i when the contact's request is pending at us. A contact on the same server is in the mirror
state, so one row shows both the outbound rule of the user and the inbound rule of the contact.
"""
STATES = ("none", "none+o", "none+i", "none+o+i", "to", "to+i", "from", "from+o", "both")

MIRROR = {"none": "none", "none+o": "none+i", "none+i": "none+o", "none+o+i": "none+o+i",
          "to": "from", "to+i": "from+o", "from": "to", "from+o": "to+i", "both": "both"}

# A.2: (type, state of the user): (is routed, new state of the user)
OUTBOUND = {
    ("subscribe", "none"): (True, "none+o"),
    ("subscribe", "none+o"): (True, "none+o"),
    ("subscribe", "none+i"): (True, "none+o+i"),
    ("subscribe", "none+o+i"): (True, "none+o+i"),
    ("subscribe", "to"): (True, "to"),
    ("subscribe", "to+i"): (True, "to+i"),
    ("subscribe", "from"): (True, "from+o"),
    ("subscribe", "from+o"): (True, "from+o"),
    ("subscribe", "both"): (True, "both"),

    ("unsubscribe", "none"): (True, "none"),
    ("unsubscribe", "none+o"): (True, "none"),
    ("unsubscribe", "none+i"): (True, "none+i"),
    ("unsubscribe", "none+o+i"): (True, "none+i"),
    ("unsubscribe", "to"): (True, "none"),
    ("unsubscribe", "to+i"): (True, "none+i"),
    ("unsubscribe", "from"): (True, "from"),
    ("unsubscribe", "from+o"): (True, "from"),
    ("unsubscribe", "both"): (True, "from"),

    ("subscribed", "none"): (False, "none"),            # and pre-approved, see PREAPPROVED
    ("subscribed", "none+o"): (False, "none+o"),
    ("subscribed", "none+i"): (True, "from"),
    ("subscribed", "none+o+i"): (True, "from+o"),
    ("subscribed", "to"): (False, "to"),
    ("subscribed", "to+i"): (True, "both"),
    ("subscribed", "from"): (False, "from"),
    ("subscribed", "from+o"): (False, "from+o"),
    ("subscribed", "both"): (False, "both"),

    ("unsubscribed", "none"): (False, "none"),
    ("unsubscribed", "none+o"): (False, "none+o"),
    ("unsubscribed", "none+i"): (True, "none"),
    ("unsubscribed", "none+o+i"): (True, "none+o"),
    ("unsubscribed", "to"): (False, "to"),
    ("unsubscribed", "to+i"): (True, "to"),
    ("unsubscribed", "from"): (True, "none"),
    ("unsubscribed", "from+o"): (True, "none+o"),
    ("unsubscribed", "both"): (True, "to"),
}

# A.3: (type, state of the contact who receives it): (is delivered, new state of the contact)
INBOUND = {
    ("subscribe", "none"): (True, "none+i"),
    ("subscribe", "none+o"): (True, "none+o+i"),
    ("subscribe", "none+i"): (False, "none+i"),
    ("subscribe", "none+o+i"): (False, "none+o+i"),
    ("subscribe", "to"): (True, "to+i"),
    ("subscribe", "to+i"): (False, "to+i"),
    ("subscribe", "from"): (False, "from"),             # the server answers subscribed itself
    ("subscribe", "from+o"): (False, "from+o"),
    ("subscribe", "both"): (False, "both"),

    ("unsubscribe", "none"): (False, "none"),
    ("unsubscribe", "none+o"): (False, "none+o"),
    ("unsubscribe", "none+i"): (True, "none"),
    ("unsubscribe", "none+o+i"): (True, "none+o"),
    ("unsubscribe", "to"): (False, "to"),
    ("unsubscribe", "to+i"): (True, "to"),
    ("unsubscribe", "from"): (True, "none"),
    ("unsubscribe", "from+o"): (True, "none+o"),
    ("unsubscribe", "both"): (True, "to"),

    ("subscribed", "none"): (False, "none"),
    ("subscribed", "none+o"): (True, "to"),
    ("subscribed", "none+i"): (False, "none+i"),
    ("subscribed", "none+o+i"): (True, "to+i"),
    ("subscribed", "to"): (False, "to"),
    ("subscribed", "to+i"): (False, "to+i"),
    ("subscribed", "from"): (False, "from"),
    ("subscribed", "from+o"): (True, "both"),
    ("subscribed", "both"): (False, "both"),

    ("unsubscribed", "none"): (False, "none"),
    ("unsubscribed", "none+o"): (True, "none"),
    ("unsubscribed", "none+i"): (False, "none+i"),
    ("unsubscribed", "none+o+i"): (True, "none+i"),
    ("unsubscribed", "to"): (True, "none"),
    ("unsubscribed", "to+i"): (True, "none+i"),
    ("unsubscribed", "from"): (False, "from"),
    ("unsubscribed", "from+o"): (True, "from"),
    ("unsubscribed", "both"): (True, "from"),
}

# What user and contact send to come from nothing to a state of the user.
STEPS = {
    "none": [],
    "none+o": [("user", "subscribe")],
    "none+i": [("contact", "subscribe")],
    "none+o+i": [("user", "subscribe"), ("contact", "subscribe")],
    "to": [("user", "subscribe"), ("contact", "subscribed")],
    "to+i": [("user", "subscribe"), ("contact", "subscribed"), ("contact", "subscribe")],
    "from": [("contact", "subscribe"), ("user", "subscribed")],
    "from+o": [("contact", "subscribe"), ("user", "subscribed"), ("user", "subscribe")],
    "both": [("user", "subscribe"), ("contact", "subscribed"), ("contact", "subscribe"),
             ("user", "subscribed")],
}

# (user, contact) that only an administrator or a stanza lost between two servers can bring about.
# Left out are those where a presence probe is answered with unsubscribed, which repairs them.
DISAGREEING = (("none", "from"), ("from", "none"), ("from", "from"), ("from", "both"), ("both", "from"))
