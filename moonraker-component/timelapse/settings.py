"""Which value of a setting counts: moonraker.conf before the database before the default."""

# This file may be distributed under the terms of the GNU GPLv3 license.
from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Dict, List, Mapping

from .schema import BadValue, Option, Scope, Value

if TYPE_CHECKING:
    from ...confighelper import ConfigHelper

# Mainsail asks for these names where it means the settings.
_MAINSAIL_ALIASES = {
    "mode": "modeOptions",
    "hyperlapse_cycle": "hyperlapseCycle",
    "parkpos": "parkposOptions",
}

# Options of moonraker.conf that take the place of a setting, so that no form needs to offer it.
_OVERRIDDEN_BY = {"snapshoturl": "camera", "camera_command": "camera", "park": "parkpos"}


class Settings:
    """All settings, with those that moonraker.conf fixes and those that a user interface saved."""

    def __init__(self, options: Mapping[str, Option], fixed: Mapping[str, Value]) -> None:
        self._options = options
        self._fixed = dict(fixed)
        self._saved: Dict[str, Value] = {}

    def all(self) -> Dict[str, Value]:
        """Every option of the section with the value that counts. For the agent."""
        values = {name: option.default for name, option in self._options.items()}
        values.update(self._saved)
        values.update(self._fixed)
        return values

    def visible(self) -> Dict[str, Any]:
        """What the user interfaces get: always all of their keys, and those that are fixed."""
        answer: Dict[str, Any] = {
            name: value
            for name, value in self.all().items()
            if self._options[name].scope is not Scope.CONF
        }
        answer["blockedsettings"] = self._blocked()
        return answer

    def load_saved(self, record: Any) -> bool:
        """Takes over what the database holds. Returns whether a setting changed by that."""
        before = self.all()
        self._saved = {}
        if isinstance(record, dict):
            for name, option in self._options.items():
                if option.scope is not Scope.UI or name not in record:
                    continue
                try:
                    self._saved[name] = option.from_client(record[name])
                except BadValue as problem:
                    logging.info(f"timelapse: the database is wrong: {problem}")
        return self.all() != before

    def change(self, args: Mapping[str, Any]) -> Dict[str, Value]:
        """Changes what ``args`` names: all of it, or on ``BadValue`` nothing.

        Leaves out what is no setting, what moonraker.conf fixes, and numbers of which nothing is
        typed yet: the field would show the number of our answer, and what is typed next would go
        behind it. Returns what is to be saved, which is empty when every value was set before.
        """
        wanted = {
            name: option.from_client(args[name])
            for name, option in self._options.items()
            if name in args
            and option.scope is Scope.UI
            and name not in self._fixed
            and not option.is_blank(args[name])
        }
        new = {name: value for name, value in wanted.items() if self._saved.get(name) != value}
        self._saved.update(new)
        return new

    def _blocked(self) -> List[str]:
        blocked = [name for name in self._fixed if self._options[name].scope is not Scope.CONF]
        for option, setting in _OVERRIDDEN_BY.items():
            if self._fixed.get(option) and setting not in blocked:
                blocked.append(setting)
        return blocked + [alias for name, alias in _MAINSAIL_ALIASES.items() if name in blocked]


def read_conf(config: ConfigHelper, options: Mapping[str, Option]) -> Dict[str, Value]:
    """Reads the section of moonraker.conf: the options found there.

    A wrong value becomes a warning of Moonraker, and the default is used: an error would take
    the timelapse pages away from the user interfaces.
    """
    server = config.get_server()
    getters = {
        "boolean": config.getboolean,
        "integer": config.getint,
        "number": config.getfloat,
        "string": config.get,
    }
    values: Dict[str, Value] = {}
    for name, text in config.get_options().items():
        option = options.get(name)
        if option is None:
            # Moonraker warns about what nobody reads.
            continue
        getter: Any = getters[option.kind]
        try:
            values[name] = option.from_conf(text)
        except BadValue as problem:
            values[name] = option.default
            getter = config.get
            server.add_warning(
                f"[{config.get_name()}]: {problem} Moonlapse uses '{option.default}' instead."
            )
        # Also shows the value, with its type, in Moonraker's answer to server.config.
        getter(name)
    return values
