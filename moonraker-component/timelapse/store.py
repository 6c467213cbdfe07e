"""The settings in Moonraker's database, where moonraker-timelapse kept them too."""

# This file may be distributed under the terms of the GNU GPLv3 license.
from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, Dict, Mapping

from .schema import Value

if TYPE_CHECKING:
    from ...server import Server
    from ..database import MoonrakerDatabase
    from .settings import Settings

_NAMESPACE = "timelapse"
_KEY = "config"

# Whose record it is. moonraker-timelapse's, the same otherwise, has no such key.
_OURS = "moonlapse"
# Beside the record, moonraker-timelapse's as it was: install.sh --uninstall puts it back.
_BEFORE = "before_moonlapse"
# What moonraker-timelapse does where its users have set nothing, and we do not. They chose to
# change a plugin, not their films.
_INHERITED: Mapping[str, Value] = {"parkhead": False, "park_travel_speed": 100}
# Its mode by layer, and ours. Files that call for frames are filmed by their calls in both; to
# have no others filmed is a wish that nobody could express there.
_ITS_MODE, _OUR_MODE = "layermacro", "auto"

# The user interfaces wait for the settings before they show anything, so a busy database (a
# backup, a slow card) must not hold the answer up. Seconds.
_READ_TIMEOUT = 0.5


class Store:
    """Keeps the settings and their record in the database the same.

    Mainsail restores a backup by writing to the database directly, so the record may change
    at any time.
    """

    def __init__(self, server: Server, settings: Settings) -> None:
        self._database: MoonrakerDatabase = server.lookup_component("database")
        self._settings = settings
        self._record: Dict[str, Any] = {}
        self._before: Dict[str, Any] = {}
        self._writes = 0
        # While Moonraker loads its components the database answers at once.
        self._take(self._read().result())

    async def refresh(self) -> bool:
        """Reads the record again. Returns whether a setting changed by that."""
        writes = self._writes
        read = self._read()
        await asyncio.wait([read], timeout=_READ_TIMEOUT)
        if not read.done():
            logging.info("timelapse: the database is busy, the settings in memory are used")
            return False
        if writes != self._writes:
            # The answer is older than what a client has set meanwhile.
            return False
        return self._take(read.result())

    async def save(self, values: Mapping[str, Value]) -> None:
        """Writes changed settings. Keys of the record that we do not know stay."""
        self._writes += 1
        self._record.update({**values, _OURS: 1})
        before, self._before = self._before, {}
        if before:
            await self._database.insert_item(_NAMESPACE, _BEFORE, before)
        await self._database.insert_item(_NAMESPACE, _KEY, dict(self._record))

    @staticmethod
    def _inherit(record: Mapping[str, Any]) -> Mapping[str, Any]:
        """The record as we would have written it, where it is moonraker-timelapse's."""
        if not record or _OURS in record:
            return record
        inherited = {**_INHERITED, **record, _OURS: 1}
        if inherited.get("mode") == _ITS_MODE:
            inherited["mode"] = _OUR_MODE
        return inherited

    def _read(self) -> asyncio.Future[Any]:
        return self._database.get_item(_NAMESPACE, _KEY, default={})

    def _take(self, record: Any) -> bool:
        record = dict(record) if isinstance(record, dict) else {}
        self._before = {} if _OURS in record else record
        self._record = dict(self._inherit(record))
        return self._settings.load_saved(self._record)
