# SPDX-License-Identifier: Apache-2.0
"""What a test module asks of its server, in terms that every server understands."""
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Settings:
    hosts: tuple = ("localhost",)
    starttls: str = "optional"          # or "required"
    max_stanza_size: int = 65536
    negotiation_timeout: int = 60       # seconds until an unfinished log-in is cut off
    password_format: str = "plain"      # or "scram"
    scram_hash: str = "sha"             # sha, sha256, sha512: when the format is scram
    resource_conflict: str = "closeold"  # or closenew, setresource
    anonymous_host: str = None          # one of hosts, where ANONYMOUS is the only way in
    client_authority: bool = False      # accept client certificates of harness.certs.authority
    registration: bool = True           # in-band registration is open
    max_user_sessions: int = 10
    max_offline: int = 100
    rooms: bool = False                 # chat rooms at conference.HOST
    contact: str = None                 # an address that XEP-0157 announces for abuse
    modules: dict = field(default_factory=dict)   # YAML servers: options of further modules
    options: dict = field(default_factory=dict)   # YAML servers: further top-level options
    listen: dict = field(default_factory=dict)    # YAML servers: further options of the listeners
    listeners: dict = field(default_factory=dict)  # YAML servers: further listeners, by port names
