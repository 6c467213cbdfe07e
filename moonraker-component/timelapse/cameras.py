"""How a user interface names a camera: Fluidd by uid, Mainsail and the others by name."""

# This file may be distributed under the terms of the GNU GPLv3 license.
from __future__ import annotations

from typing import TYPE_CHECKING, Iterable, Protocol

if TYPE_CHECKING:

    class Webcam(Protocol):
        """What is needed of Moonraker's webcams."""

        name: str
        uid: str


def in_words_of(client: str, camera: str, webcams: Iterable[Webcam]) -> str:
    """The saved ``camera``, a name or a uid, as the client of this name knows it.

    What was saved stays as it was sent: Fluidd's uid outlives a new name, and Mainsail itself
    saves the new name when it renames a camera.
    """
    for webcam in webcams:
        if camera in (webcam.name, webcam.uid):
            return webcam.uid if client.lower() == "fluidd" else webcam.name
    return camera
