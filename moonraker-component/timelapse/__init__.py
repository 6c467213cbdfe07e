"""Moonraker component ``timelapse``: the part of Moonlapse that lives inside Moonraker.

Mainsail and Fluidd show their timelapse pages only when Moonraker has loaded a component of this
name, and they wait for its answers before they show anything at all. So everything here answers
from memory, at once; filming is the work of the agent, a process of its own.

Standard library only: Moonraker would otherwise try to repair its own installation with pip.

* ``schema``: the options of ``[timelapse]`` and the values that they allow.
* ``settings``: which value counts, from moonraker.conf, the database and the defaults.
* ``store``: the settings in Moonraker's database.
* ``clients``: what differs from one user interface to the other.
* ``folders``: the file roots ``timelapse`` and ``timelapse_frames``.
* ``agent``: calls to the agent.
* ``annotator``: frame calls for uploaded files.
* ``history``: a line in the history of prints.
* ``notices``: news for notifiers and announcements.
* ``component``: the endpoints and events.
"""

# This file may be distributed under the terms of the GNU GPLv3 license.
from __future__ import annotations

from typing import TYPE_CHECKING

from .component import Timelapse

if TYPE_CHECKING:
    from ...confighelper import ConfigHelper


def load_component(config: ConfigHelper) -> Timelapse:
    """Called by Moonraker for the section ``[timelapse]``."""
    return Timelapse(config)
