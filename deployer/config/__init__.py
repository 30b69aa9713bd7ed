"""Reads both configuration files and the environment. Knows no network, git or terminal.

The environment:

    PYTHONANYWHERE_USERNAME, API_TOKEN, PYTHONANYWHERE_SITE   account, token and host, in the platform's names
    DEPLOYER_CONFIG     the deployer.toml to use; /dev/null: none
    DEPLOYER_STATE      the state folder
    CREDENTIALS_DIRECTORY, STATE_DIRECTORY                    as systemd gives them
    XDG_CONFIG_HOME, XDG_STATE_HOME                           where a user keeps such things

deployer.toml is looked for at --config, $DEPLOYER_CONFIG, $XDG_CONFIG_HOME/deployer/deployer.toml
(~/.config) and /etc/deployer/deployer.toml; the first one counts.
"""

from deployer.config.account import Account, Chosen
from deployer.config.addresses import is_loopback, is_url, platform_host
from deployer.config.context import (
    CommandLine,
    Context,
    context_of,
    control_socket,
    effective,
    every_site,
    state_directory,
)
from deployer.config.describe import Described, describe
from deployer.config.machine import MachineConfig, find_machine, load_machine
from deployer.config.secrets import read_secret
from deployer.config.site import AppOverrides, default_domain, default_target, load_site, on_server
from deployer.config.site_file import SITE_FILE
from deployer.config.tls import CertificateFiles

__all__ = [
    "SITE_FILE",
    "Account",
    "AppOverrides",
    "CertificateFiles",
    "Chosen",
    "CommandLine",
    "Context",
    "Described",
    "MachineConfig",
    "context_of",
    "control_socket",
    "default_domain",
    "default_target",
    "describe",
    "effective",
    "every_site",
    "find_machine",
    "is_loopback",
    "is_url",
    "load_machine",
    "load_site",
    "on_server",
    "platform_host",
    "read_secret",
    "state_directory",
]
