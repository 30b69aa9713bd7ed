"""Platform settings: what is wanted, what we applied, what is there, and the way between.

While what is wanted equals what we recorded as applied, nobody asks the server: settings cost
nothing until they change. What somebody else made is told from ours by the recorded ids.
"""

from deployer.planning.settings.always_on import ALWAYS_ON, restarts
from deployer.planning.settings.facts import InDoubt, LiveSettings, SettingsPlan
from deployer.planning.settings.headers import HEADERS
from deployer.planning.settings.listed import Listed
from deployer.planning.settings.mappings import MAPPINGS
from deployer.planning.settings.plan import (
    LISTS,
    claim_created,
    in_doubt,
    is_enabled,
    other_kind,
    plan_settings,
)
from deployer.planning.settings.tasks import TASKS, when
from deployer.planning.settings.undo import put_back_webapp, webapp_before
from deployer.planning.settings.webapp import DEFAULT_PYTHON, setting_changes, wants_password

__all__ = [
    "ALWAYS_ON",
    "DEFAULT_PYTHON",
    "HEADERS",
    "LISTS",
    "MAPPINGS",
    "TASKS",
    "InDoubt",
    "Listed",
    "LiveSettings",
    "SettingsPlan",
    "claim_created",
    "in_doubt",
    "is_enabled",
    "other_kind",
    "plan_settings",
    "put_back_webapp",
    "restarts",
    "setting_changes",
    "wants_password",
    "webapp_before",
    "when",
]
