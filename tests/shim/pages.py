"""Mainsail and Fluidd as far as timelapses go: what each sends, and what each makes of the answers.

By their sources: Mainsail v2.18.2, ``src/store/server/timelapse`` and ``src/components``; Fluidd of
August 2026, ``src/store/timelapse`` and ``src/components``. They are modelled with their quirks.
"""

from __future__ import annotations

import json
import math
import urllib.request
from typing import Any, Dict, Iterable, List, Optional

from .harness import Browser, Moonraker, RpcError

# The settings that Mainsail keeps, all others are dropped. Its form shows these.
MAINSAIL_SETTINGS = (
    *("enabled", "camera", "mode", "autorender", "saveframes", "stream_delay_compensation"),
    *("gcode_verbose", "parkhead", "parkpos", "park_custom_pos_x", "park_custom_pos_y"),
    *("park_custom_pos_dz", "park_travel_speed", "park_retract_speed", "park_retract_distance"),
    *("park_extrude_speed", "park_extrude_distance", "park_time", "fw_retract"),
    *("hyperlapse_cycle", "constant_rate_factor", "output_framerate", "pixelformat"),
    *("extraoutputparams", "variable_fps", "targetlength", "variable_fps_min"),
    *("variable_fps_max", "rotation", "duplicatelastframe", "previewimage", "time_format_code"),
    "blockedsettings",
)

# What Fluidd sends when somebody presses "Reset".
FLUIDD_DEFAULTS: Dict[str, Any] = {
    **{"enabled": True, "mode": "layermacro", "camera": "", "stream_delay_compensation": 0.05},
    **{"gcode_verbose": False, "parkhead": False, "parkpos": "back_left"},
    **{"park_custom_pos_x": 10, "park_custom_pos_y": 10, "park_custom_pos_dz": 0},
    **{"park_travel_speed": 100, "park_retract_speed": 15, "park_extrude_speed": 15},
    **{"park_retract_distance": 1, "park_extrude_distance": 1, "park_time": 0.1},
    **{"fw_retract": False, "hyperlapse_cycle": 30, "autorender": False},
    **{"constant_rate_factor": 23, "output_framerate": 30, "pixelformat": "yuv420p"},
    **{"time_format_code": "%Y%m%d_%H%M", "extraoutputparams": "", "variable_fps": False},
    **{"targetlength": 10, "variable_fps_min": 5, "variable_fps_max": 60},
    **{"duplicatelastframe": 5, "previewimage": True, "saveframes": False},
}

# Both forms offer these and no others.
MODES = ("layermacro", "hyperlapse")
PARK_POSITIONS = (
    *("center", "front_left", "front_right", "back_left", "back_right"),
    *("x_only", "y_only", "custom"),
)


class Page(Browser):
    """What both have in common."""

    def __init__(self, moonraker: Moonraker, name: str) -> None:
        super().__init__(moonraker, name)
        self._moonraker = moonraker
        self.components: List[str] = []
        self.config: Dict[str, Any] = {}
        self.webcams: List[Dict[str, Any]] = []
        self.settings: Dict[str, Any] = {}
        # Errors and good news that pop up.
        self.toasts: List[str] = []

    async def load(self) -> None:
        """What it asks for when it is opened."""
        info = await self.call("server.info")
        self.components = info["components"]
        self.config = await self.call("server.config")
        self.webcams = (await self.call("server.webcams.list"))["webcams"]
        for root in info["registered_directories"]:
            await self.call("server.files.get_directory", path=root)
        await self.init_timelapse()

    async def init_timelapse(self) -> None:
        """What it asks this component."""
        raise NotImplementedError

    async def press(self, method: str) -> None:
        """Presses a button that calls ``method`` and does nothing with the answer."""
        try:
            await self.call(method)
        except RpcError as problem:
            self.failed(problem)

    def failed(self, problem: RpcError) -> None:
        """What it does with an error."""
        # Fluidd would show the printer as broken.
        assert problem.code != 503, problem

    def fetch(self, path: str) -> bytes:
        """A file, as an image or a film is loaded."""
        with urllib.request.urlopen(f"{self._moonraker.url}/server/files/{path}") as answer:
            body: bytes = answer.read()
        return body

    def request(self, method: str, path: str, body: Any = None) -> Any:
        """An HTTP call, as ``fetch`` makes it."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            self._moonraker.url + path,
            data,
            {"Content-Type": "application/json"} if data else {},
            method=method,
        )
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)["result"]


class Mainsail(Page):
    """Mainsail. It drops the errors of calls, and shows those of films."""

    def __init__(self, moonraker: Moonraker) -> None:
        super().__init__(moonraker, "mainsail")
        self.frames: Optional[float] = 0
        self.frame_file: Optional[str] = ""
        self.rendering: Dict[str, Any] = {"status": "", "progress": 0, "filename": ""}

    async def init_timelapse(self) -> None:
        self._settings_came(await self.call("machine.timelapse.get_settings"))
        answer = await self.call("machine.timelapse.lastframeinfo")
        self.frames, self.frame_file = answer["framecount"], answer["lastframefile"]

    async def save(self, **setting: Any) -> None:
        """A field of the form: one call for each key that is pressed."""
        try:
            self._settings_came(await self.call("machine.timelapse.post_settings", **setting))
        except RpcError as problem:
            self.failed(problem)

    def notified(self, message: Dict[str, Any]) -> None:
        if message["method"] != "notify_timelapse_event":
            return
        event = message["params"][0]
        if event["action"] == "newframe":
            # Whatever the status is.
            self.frames, self.frame_file = _parse_int(event.get("frame")), event.get("framefile")
        elif event["action"] == "render" and event["status"] == "error":
            self.toasts.append(event["msg"])
            self.rendering = {"status": "", "progress": 0, "filename": ""}
        elif event["action"] == "render":
            self.rendering = {
                "status": event["status"],
                "progress": event.get("progress") or 0,
                "filename": event.get("filename") or "",
            }
            if event["status"] == "success":
                self.toasts.append(event["filename"])

    @property
    def picture(self) -> Optional[str]:
        """The picture of the status panel, which is empty without frames."""
        return f"timelapse_frames/{self.frame_file}" if self.frames and self.frame_file else None

    def is_disabled(self, field: str) -> bool:
        """Whether a field is locked. Three of them are looked for under names of their own."""
        names = {
            "mode": "modeOptions",
            "hyperlapse_cycle": "hyperlapseCycle",
            "parkpos": "parkposOptions",
        }
        return names.get(field, field) in self.settings["blockedsettings"]

    @property
    def camera_shown(self) -> Optional[str]:
        """What its list of cameras has selected: a name, or nothing."""
        usable = [cam["name"] for cam in self.webcams if cam["enabled"] and cam["snapshot_url"]]
        return self.settings["camera"] if self.settings["camera"] in usable else None

    @property
    def preview_turned(self) -> Dict[str, Any]:
        """How its status panel turns the picture."""
        if "snapshoturl" in self.config["orig"]["timelapse"]:
            conf = self.config["config"].get("timelapse") or {}
            return {"flip_x": conf.get("flip_x", False), "flip_y": conf.get("flip_y", False)}
        webcam = next((c for c in self.webcams if c["name"] == self.settings["camera"]), None)
        return {} if webcam is None else {"rotation": webcam["rotation"]}

    @property
    def estimated_length(self) -> float:
        """The length of the film that it shows, s."""
        frames = self.frames + self.settings["duplicatelastframe"]
        return round(frames / self.settings["output_framerate"])

    @staticmethod
    def history_entry(data: Dict[str, Any]) -> str:
        """The text of a field of others in the details of a print."""
        # It asks the value for its text, which null does not have.
        assert data["value"] is not None, "Mainsail fails"
        if isinstance(data["value"], list):
            return ",".join(str(value) for value in data["value"]) or "--"
        number = data["value"] if isinstance(data["value"], (int, float)) else math.nan
        return f"{number:g} {data['units']}"

    def _settings_came(self, answer: Dict[str, Any]) -> None:
        self.settings.update({name: answer[name] for name in MAINSAIL_SETTINGS if name in answer})


class Fluidd(Page):
    """Fluidd. It shows the errors of calls and drops those of films."""

    def __init__(self, moonraker: Moonraker) -> None:
        super().__init__(moonraker, "fluidd")
        self.last_frame: Dict[str, Any] = {}
        self.render_status: Optional[Dict[str, Any]] = None

    async def init_timelapse(self) -> None:
        self.settings = await self._ask("machine.timelapse.get_settings")
        self._frame_came(await self._ask("machine.timelapse.lastframeinfo"))

    async def save(self, **settings: Any) -> None:
        """A field that was left, a switch, or the button "Reset"."""
        try:
            self.settings = await self.call("machine.timelapse.post_settings", **settings)
        except RpcError as problem:
            self.failed(problem)

    async def reset(self) -> None:
        """The button "Reset" of its form."""
        await self.save(
            **{name: value for name, value in FLUIDD_DEFAULTS.items() if not self.is_disabled(name)}
        )

    def failed(self, problem: RpcError) -> None:
        super().failed(problem)
        assert 400 <= problem.code < 500, problem.code
        self.toasts.append(str(problem))

    def notified(self, message: Dict[str, Any]) -> None:
        if message["method"] != "notify_timelapse_event":
            return
        event = message["params"][0]
        if event["action"] == "newframe":
            if event.get("status") == "error":
                self.toasts.append("newframe")
            else:
                self._frame_came(
                    {
                        "framecount": _parse_int(event["frame"]),
                        "lastframefile": event["framefile"],
                    }
                )
        elif event["action"] == "render" and event["status"] in ("started", "running", "success"):
            self.render_status = event

    @property
    def frames(self) -> int:
        """What its slider goes up to."""
        count = self.last_frame["framecount"]
        assert not math.isnan(count)
        return int(count)

    @property
    def is_rendering(self) -> bool:
        """Whether it shows a circle over the picture and locks the button."""
        return self.render_status is not None and self.render_status["status"] != "success"

    def picture(self, number: int) -> str:
        """The picture of any frame: its name is made up from its number."""
        extension = self.last_frame["lastframefile"].split(".")[-1]
        return f"timelapse_frames/frame{number:06}.{extension}?date=1"

    def is_disabled(self, field: str) -> bool:
        """Whether a field is locked."""
        # Without this list it fails.
        return field in self.settings["blockedsettings"]

    @property
    def camera_shown(self) -> Optional[str]:
        """The name that its list of cameras has selected."""
        return next((c["name"] for c in self.webcams if c["uid"] == self.settings["camera"]), None)

    async def _ask(self, method: str) -> Any:
        """Calls as it does where a call has no parameters: without any."""
        answer = await self.call_without_params(method)
        # It notes the request at the answer, which null does not take.
        assert answer is not None
        return answer

    def _frame_came(self, answer: Dict[str, Any]) -> None:
        self.last_frame = answer
        self.render_status = None


def typed(text: str) -> Iterable[str]:
    """What a field for numbers holds after each key."""
    for end in range(1, len(text) + 1):
        part = text[:end]
        yield part[:-1] if part.endswith(".") else part


def _parse_int(text: Any) -> float:
    try:
        return int(text)
    except (TypeError, ValueError):
        return math.nan
