"""Frame calls for uploaded files: has Moonraker run ``moonlapse annotate`` on each of them.

Moonraker runs a G-code processor on every file before it reads the file's metadata. One that
fails, or takes too long, is noted in its log, and the file is used as it is.
"""

# This file may be distributed under the terms of the GNU GPLv3 license.
from __future__ import annotations

import json
import logging
import os
import pathlib
from typing import TYPE_CHECKING, Any, Dict

if TYPE_CHECKING:
    from ...server import Server
    from ..file_manager.file_manager import FileManager

_NAME = "moonlapse"

# Written by the agent. It names a program that Moonraker is to run, so it lies where no client of
# Moonraker can write: in no root of the file manager.
_ORDERS = pathlib.Path("moonlapse", "annotate.json")

# The program itself gives up after 120 seconds. Were it not to, Moonraker would give up on the
# metadata, too. Seconds.
_TIMEOUT = 300.0


class Annotator:
    """Moonraker's G-code processor that puts frame calls into files."""

    def __init__(self, server: Server) -> None:
        self._server = server
        file_manager: FileManager = server.lookup_component("file_manager")
        self._storage: Any = file_manager.get_metadata_storage()
        self._orders = pathlib.Path(server.get_app_args()["data_path"], _ORDERS)

    def start(self) -> None:
        """Has files annotated from now on, by the orders of the agent.

        Raises ``server.error`` with a sentence for the agent when that cannot be.
        """
        if not hasattr(self._storage, "register_gcode_processor"):
            raise self._server.error(
                "This Moonraker has no G-code processors: update it to annotate files.", 424
            )
        processor: Dict[str, Any] = {
            "name": _NAME,
            "command": [
                self._program(), "annotate", "--background", "--orders", str(self._orders),
                "{gcode_file_path}",
            ],
            "timeout": _TIMEOUT,
        }  # fmt: skip
        self._storage.register_gcode_processor(_NAME, None)
        self._storage.register_gcode_processor(_NAME, processor)

    def stop(self) -> None:
        """Leaves files alone from now on."""
        if hasattr(self._storage, "register_gcode_processor"):
            self._storage.register_gcode_processor(_NAME, None)

    def _program(self) -> str:
        """The program that the orders name."""
        try:
            program = json.loads(self._orders.read_text(encoding="utf-8"))["program"]
        except (OSError, ValueError, KeyError, TypeError) as problem:
            logging.info(f"timelapse: {self._orders} cannot be used: {problem!r}")
            raise self._server.error(f"There are no orders in {self._orders}.", 424) from None
        if not (isinstance(program, str) and os.path.isabs(program) and os.access(program, os.X_OK)):
            raise self._server.error(f"Moonraker cannot run {program}.", 424)
        return program
