"""The units as text, and what can be read from them again."""

import re
from collections.abc import Mapping
from pathlib import PurePath

from deployer.service.installation import Installation

MARKER = "# Written by `deployer service install`"
"""How a unit that we may replace and remove begins."""
NOTIFY_RELOAD = 253
"""The first systemd with Type=notify-reload."""
ABOUT = "X-Deployer"
"""A section that systemd skips: what the unit was made from, for `uninstall` and `status`."""

SECCOMP = """\
NoNewPrivileges=yes
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
LockPersonality=yes
MemoryDenyWriteExecute=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
SystemCallErrorNumber=EPERM
UMask=0077
"""
"""What a user's own manager can do, too."""

NAMESPACES = """\
CapabilityBoundingSet=
AmbientCapabilities=
ProtectSystem=strict
ProtectHome={protect_home}
PrivateTmp=yes
PrivateDevices=yes
PrivateUsers=yes
PrivateIPC=yes
PrivateMounts=yes
ProtectClock=yes
ProtectHostname=yes
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectKernelLogs=yes
ProtectControlGroups=yes
ProtectProc=invisible
ProcSubset=pid
RemoveIPC=yes
KeyringMode=private
DevicePolicy=closed
"""


def is_ours(text: str) -> bool:
    """Whether `install` wrote this unit."""
    return text.startswith(MARKER)


def about(text: str) -> Mapping[str, str]:
    """What a unit was made from: "Config", "State", "Control"."""
    section = text.partition(f"\n[{ABOUT}]\n")[2]
    return dict(line.split("=", 1) for line in section.splitlines() if "=" in line)


def listens_on(text: str) -> str | None:
    """The address of a socket unit."""
    found = re.search(r"^ListenStream=(.*)$", text, re.MULTILINE)
    return found[1] if found else None


def units(installation: Installation) -> Mapping[str, str]:
    """File name -> content."""
    http, control = installation.sockets
    return {
        installation.service: _service(installation),
        http: _http_socket(installation),
        control: _control_socket(installation),
    }


def _head(installation: Installation, unit: str, text: str) -> str:
    manager = "systemctl --user" if installation.own_manager else "systemctl"
    return f"{MARKER}, which replaces it. To change it: {manager} edit {unit}\n# {text}\n"


def _service(own: Installation) -> str:
    return "\n".join(
        (
            _head(own, own.service, "The daemon. docs/service.md says how it is operated."),
            _unit_section(own),
            _process(own),
            _user_and_folders(own),
            _sandbox(own),
            f"[Install]\nWantedBy={'default.target' if own.own_manager else 'multi-user.target'}\n",
            f"[{ABOUT}]\nConfig={own.config}\nState={own.state}\nControl={own.control}\n",
        )
    )


def _unit_section(own: Installation) -> str:
    online = "" if own.own_manager else "network-online.target "
    lines = (
        "[Unit]",
        f"Description=Deploys git commits to PythonAnywhere ({_literal(own.config)})",
        *([f"Wants={online.strip()}"] if online else []),
        f"Requires={' '.join(own.sockets)}",
        f"After={online}{' '.join(own.sockets)}",
        "# It is started again after a crash, but not for ever.",
        "StartLimitIntervalSec=10min",
        "StartLimitBurst=30",
    )
    return "\n".join(lines) + "\n"


def _process(own: Installation) -> str:
    reload = (
        "Type=notify-reload\n"
        if own.systemd >= NOTIFY_RELOAD
        else "Type=notify\nExecReload=/bin/kill -HUP $MAINPID\n"
    )
    command = " ".join(_word(part) for part in (*own.command, "run", "--config", own.config))
    return f"""\
[Service]
{reload}NotifyAccess=main
ExecStart={command}
Sockets={" ".join(own.sockets)}
SyslogIdentifier=%N
Environment=PYTHONUNBUFFERED=1
# Fed only while every deployment under way makes progress.
WatchdogSec=60
Restart=on-failure
RestartSec=5
# 2: the configuration. Starting again would not mend it.
RestartPreventExitStatus=2
# SIGTERM lets the request in flight end; the rest waits on disk for the next start.
KillMode=mixed
TimeoutStopSec=120
# A core dump would hold tokens.
LimitCORE=0
"""


def _user_and_folders(own: Installation) -> str:
    lines: list[str] = []
    if own.own_manager:
        lines += [f"Environment={_word(f'DEPLOYER_STATE={own.state}')}"]
    else:
        if own.user is None:
            lines += [
                "# A user that exists while it runs. docs/service.md: when it needs one of its own.",
                "DynamicUser=yes",
            ]
        else:
            lines += [f"User={own.user}"]
        if own.group is not None:
            lines += [f"SupplementaryGroups={own.group}"]
        lines += _state(own)
        lines += [
            "# What is left of the platform's limit has to outlive a restart.",
            "RuntimeDirectory=deployer/%N",
            "RuntimeDirectoryMode=0700",
            "RuntimeDirectoryPreserve=yes",
            "Environment=DEPLOYER_RUNTIME_DIR=/run/deployer/%N",
        ]
    if own.credentials:
        lines += ["# Secrets, by the names that deployer.toml calls them."]
    lines += [f"LoadCredential={name}:{_literal(file)}" for name, file in own.credentials.items()]
    return "\n".join(lines) + "\n"


def _state(own: Installation) -> list[str]:
    """The folder is the manager's to make where it lies in the usual place, and otherwise the user's."""
    folder = PurePath(own.state)
    if folder.is_relative_to("/var/lib") and folder != PurePath("/var/lib"):
        return [
            f"StateDirectory={_word(str(folder.relative_to('/var/lib')))}",
            "StateDirectoryMode=0700",
        ]
    return [f"ReadWritePaths={_word(own.state)}"]


def _sandbox(own: Installation) -> str:
    if own.own_manager:
        return f"# What a manager without privileges can keep a service from.\n{SECCOMP}"
    protect_home = "read-only" if own.home_is_needed else "yes"
    return f"# What it has no need of.\n{NAMESPACES.format(protect_home=protect_home)}{SECCOMP}"


def _http_socket(own: Installation) -> str:
    http, _ = own.sockets
    return f"""\
{_head(own, http, "Webhooks and the status page. It queues connections while the service restarts.")}
[Unit]
Description=HTTP of {own.service}

[Socket]
ListenStream={own.listen}
FileDescriptorName=http
Service={own.service}

[Install]
WantedBy=sockets.target
"""


def _control_socket(own: Installation) -> str:
    _, control = own.sockets
    group = f"SocketGroup={own.group}\n" if own.group is not None else ""
    mode = "0660" if own.group is not None else "0600"
    return f"""\
{_head(own, control, "Local commands and the pushes of people. It outlives a restart of the service.")}
[Unit]
Description=Local commands of {own.service}

[Socket]
ListenStream={_literal(own.control)}
FileDescriptorName=control
Service={own.service}
SocketMode={mode}
{group}DirectoryMode=0755
RemoveOnStop=yes

[Install]
WantedBy=sockets.target
"""


def _literal(text: str) -> str:
    """Without a specifier of systemd's (%h and so on)."""
    return text.replace("%", "%%")


def _word(text: str) -> str:
    """One word of a line that systemd splits at spaces and expands variables in."""
    word = _literal(text).replace("$", "$$")
    if re.search(r"[\s\"'\\;]", word) is None:
        return word
    return '"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"'
