"""What differs from one user interface to the other: words for cameras and modes, and errors."""

# This file may be distributed under the terms of the GNU GPLv3 license.
from __future__ import annotations

from typing import TYPE_CHECKING, Any, Dict, Iterable, Mapping, Optional, Protocol

if TYPE_CHECKING:
    from ...common import BaseRemoteConnection

    class Webcam(Protocol):
        """What is needed of Moonraker's webcams."""

        name: str
        uid: str
        enabled: bool


MAINSAIL = "mainsail"
FLUIDD = "fluidd"

# Their forms know two modes: frames by layer, and frames by time.
_BY_LAYER = "layermacro"
_BY_TIME = "hyperlapse"
# What the former means there: who chooses the moments in a layer is no question that they ask.
_BY_LAYER_MEANT = "auto"


def name_of(connection: Optional[BaseRemoteConnection]) -> str:
    """The name under which a client has introduced itself, in lower case; empty over HTTP."""
    return "" if connection is None else str(connection.client_data["name"]).lower()


def in_words_of(client: str, answer: Dict[str, Any], webcams: Iterable[Webcam]) -> Dict[str, Any]:
    """The settings as this client knows them.

    A camera was saved as it was sent, by name or by uid: Fluidd's uid outlives a new name, and
    Mainsail itself saves the new name when it renames a camera. Where none was chosen, the forms
    show the one that the agent takes. A mode that a form does not have would leave its list of
    modes empty.
    """
    answer = dict(answer)
    camera, is_form = answer["camera"], client in (MAINSAIL, FLUIDD)
    for webcam in webcams:
        first = (
            is_form and not camera and webcam.enabled and "camera" not in answer["blockedsettings"]
        )
        if first or camera and camera in (webcam.name, webcam.uid):
            answer["camera"] = webcam.uid if client == FLUIDD else webcam.name
            break
    if is_form and answer["mode"] != _BY_TIME:
        answer["mode"] = _BY_LAYER
    return answer


def meant_by(client: str, args: Mapping[str, Any]) -> Dict[str, Any]:
    """The settings that this client has sent, in our words."""
    args = dict(args)
    if client in (MAINSAIL, FLUIDD) and args.get("mode") == _BY_LAYER:
        args["mode"] = _BY_LAYER_MEANT
    return args


def show_error(connection: Optional[BaseRemoteConnection], message: str) -> None:
    """Shows why a call was refused where the client itself would not.

    That is Mainsail. It drops the errors of calls, and shows those of films.
    """
    if connection is not None and name_of(connection) == MAINSAIL:
        event = {"action": "render", "status": "error", "msg": message}
        connection.call_method("notify_timelapse_event", [event])
