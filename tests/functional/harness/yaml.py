# SPDX-License-Identifier: Apache-2.0
"""ejabberd.yml for the servers that read it, and just enough of a YAML writer."""
import json


def scalar(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int) else json.dumps(str(value))


def dump(value, indent=0):
    """Dicts, lists and scalars as block YAML."""
    pad, lines = "  " * indent, []
    if isinstance(value, dict):
        pairs = [(scalar(key) + ":", each) for key, each in value.items()]
    else:
        pairs = [("-", each) for each in value]
    for head, each in pairs:
        if isinstance(each, (dict, list, tuple)):
            body = dump(each, indent + 1) if each else None
            lines.append(f"{pad}{head}\n{body}" if body else
                         f"{pad}{head} " + ("{}" if isinstance(each, dict) else "[]"))
        else:
            lines.append(f"{pad}{head} {scalar(each)}")
    return "\n".join(lines)


def configuration(settings, ports, certificates, authority=None):
    """The common configuration as a dict: ports has c2s, tls and proxy."""
    return {
        "hosts": list(settings.hosts),
        "loglevel": "info",
        "certfiles": [str(each.pem) for each in certificates],
        "auth_password_format": settings.password_format,
        "auth_scram_hash": settings.scram_hash,
        "resource_conflict": settings.resource_conflict,
        "negotiation_timeout": settings.negotiation_timeout,
        "registration_timeout": "infinity",
        "host_config": host_config(settings),
        "listen": listeners(settings, ports, authority),
        "acl": {"local": {"user_regexp": ""}, "loopback": {"ip": ["127.0.0.0/8", "::1/128"]}},
        "access_rules": {
            "local": {"allow": "local"},
            "c2s": {"allow": "all"},
            "register": {"allow" if settings.registration else "deny": "all"},
        },
        "shaper_rules": {
            "max_user_sessions": settings.max_user_sessions,
            "max_user_offline_messages": settings.max_offline,
        },
        "modules": modules(settings),
        **settings.options,
    }


def listeners(settings, ports, authority):
    common = {"module": "ejabberd_c2s", "ip": "127.0.0.1", "access": "c2s",
              "max_stanza_size": settings.max_stanza_size, **settings.listen}
    if settings.client_authority:
        common.update(tls_verify=True, cafile=str(authority.crt))
    start = {"starttls_required": True} if settings.starttls == "required" else {"starttls": True}
    return [
        {"port": ports["c2s"], **common, **start},
        {"port": ports["tls"], **common, "tls": True},
        {"port": ports["proxy"], **common, **start, "use_proxy_protocol": True},
        *({"port": ports[name], "ip": "127.0.0.1", **options}
          for name, options in settings.listeners.items()),
    ]


def host_config(settings):
    if not settings.anonymous_host:
        return {}
    return {settings.anonymous_host: {"auth_method": "anonymous",
                                      "anonymous_protocol": "sasl_anon"}}


def modules(settings):
    info = [{"modules": "all", "name": "abuse-addresses", "urls": [settings.contact]}]
    known = {
        "mod_admin_extra": {},
        "mod_caps": {},
        "mod_disco": {"server_info": info} if settings.contact else {},
        "mod_last": {},
        "mod_offline": {"access_max_user_messages": "max_user_offline_messages"},
        "mod_ping": {},
        "mod_private": {},
        "mod_register": {"access": "register", "ip_access": "all"},
        "mod_roster": {"versioning": True},
        "mod_stats": {},
        "mod_stream_mgmt": {},
        "mod_time": {},
        "mod_version": {},
    }
    if settings.rooms:
        known["mod_muc"] = {}
    return {**known, **settings.modules}
