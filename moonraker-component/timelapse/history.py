"""A line about the frames in Moonraker's history of prints."""

# This file may be distributed under the terms of the GNU GPLv3 license.
from __future__ import annotations

from typing import TYPE_CHECKING, Any

try:
    from ...common import HistoryFieldData
except ImportError:
    # Before 2024 the history had no fields of others.
    HistoryFieldData = None  # type: ignore

if TYPE_CHECKING:
    from ...server import Server


# For a print that was not filmed.
_NONE = "no frames"


class Note:
    """The line of the print that is under way. Moonraker keeps what it says when the print ends.

    Its value is a list of one text: Mainsail shows a list as it is, takes anything else for a
    number, and fails over null.
    """

    def __init__(self, server: Server) -> None:
        self._field: Any = None
        history = server.lookup_component("history", None)
        if HistoryFieldData is not None and history is not None:
            self._field = HistoryFieldData(
                "timelapse", "timelapse", "Timelapse", "basic", reset_callback=lambda: [_NONE]
            )
            # Also for a print that goes on while Moonraker is restarted.
            self._field.tracker.reset()
            history.register_auxiliary_field(self._field)

    def write(self, text: str) -> None:
        """Says how the frames of this print stand."""
        if self._field is not None:
            self._field.tracker.update([text])
