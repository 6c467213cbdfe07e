"""The settings in the forms of Mainsail and Fluidd: every field, in the type that each sends."""

from __future__ import annotations

import json
import urllib.error
from typing import Any, Dict, Tuple

from .harness import MoonrakerTest
from .pages import MAINSAIL_SETTINGS, MODES, PARK_POSITIONS, Fluidd, Mainsail, typed
from .test_settings import WEBCAMS

NUMBERS: Dict[str, Tuple[str, float]] = {
    "stream_delay_compensation": ("0.35", 0.35),
    "park_custom_pos_x": ("112.5", 112.5),
    "park_custom_pos_y": ("8", 8.0),
    "park_custom_pos_dz": ("0.4", 0.4),
    "park_travel_speed": ("150", 150),
    "park_retract_speed": ("45", 45),
    "park_extrude_speed": ("35", 35),
    "park_retract_distance": ("0.8", 0.8),
    "park_extrude_distance": ("0.75", 0.75),
    "park_time": ("0.25", 0.25),
    "hyperlapse_cycle": ("12", 12),
    "constant_rate_factor": ("18", 18),
    "output_framerate": ("25", 25.0),
    "targetlength": ("15", 15),
    "variable_fps_min": ("10", 10),
    "variable_fps_max": ("50", 50),
    "duplicatelastframe": ("30", 30),
}
SWITCHES = (
    *("enabled", "autorender", "previewimage", "saveframes", "gcode_verbose", "parkhead"),
    *("fw_retract", "variable_fps"),
)
TEXTS = {
    "pixelformat": "yuv444p",
    "time_format_code": "%Y-%m-%d %H.%M",
    "extraoutputparams": "-vf hue=s=0 -tune stillimage",
}

# Fluidd shows these in milliseconds and sends seconds, as a number.
FLUIDD_MILLISECONDS = ("stream_delay_compensation", "park_time")


class FormTest(MoonrakerTest):
    """One Moonraker for each test class, pages as needed."""

    section = MoonrakerTest.section + WEBCAMS

    def mainsail(self) -> Mainsail:
        """To be used with ``async with``."""
        return Mainsail(self.moonraker)

    def fluidd(self) -> Fluidd:
        """To be used with ``async with``."""
        return Fluidd(self.moonraker)


class MainsailForm(FormTest):
    """Mainsail's settings, its status panel, and its dialogs."""

    async def test_the_page_opens_without_the_agent(self) -> None:
        async with self.mainsail() as page:
            await page.load()
        self.assertIn("timelapse", page.components)
        # Without the section its status panel fails.
        self.assertIn("timelapse", page.config["orig"])
        self.assertEqual(set(MAINSAIL_SETTINGS), set(page.settings))

    async def test_every_number_is_kept_as_it_was_typed(self) -> None:
        for name, (text, value) in NUMBERS.items():
            with self.subTest(name):
                async with self.mainsail() as page:
                    await page.load()
                    for part in typed(text):
                        # Its form sends neither an empty field nor what its own rules forbid.
                        if float(part) > 0:
                            await page.save(**{name: part})
                            self.assertEqual(float(part), page.settings[name])
                async with self.mainsail() as again:
                    await again.load()
                self.assertEqual(value, again.settings[name])
                self.assertIs(type(value), type(again.settings[name]))

    async def test_every_switch_and_every_text_is_kept(self) -> None:
        async with self.mainsail() as page, self.mainsail() as other:
            await page.load()
            for name in SWITCHES:
                for value in (not page.settings[name], page.settings[name]):
                    await page.save(**{name: value})
                    await other.init_timelapse()
                    self.assertIs(value, other.settings[name], name)
            for name, text in TEXTS.items():
                for end in range(len(text) + 1):
                    await page.save(**{name: text[:end]})
                await other.init_timelapse()
                self.assertEqual(text, other.settings[name])
            for position in PARK_POSITIONS:
                await page.save(parkpos=position)
                self.assertEqual(position, page.settings["parkpos"])

    async def test_a_field_that_is_emptied_and_typed_anew_keeps_its_value_meanwhile(
        self,
    ) -> None:
        # The dialog for films sends what is in the field; a number in the answer would be typed on.
        fields = (
            "variable_fps_min",
            "variable_fps_max",
            "targetlength",
            "output_framerate",
            "duplicatelastframe",
        )
        async with self.mainsail() as page:
            await page.load()
            for name in fields:
                before = page.settings[name]
                await page.save(**{name: ""})
                self.assertEqual(before, page.settings[name])
                await page.save(**{name: "2"})
                await page.save(**{name: "24"})
                self.assertEqual(24, page.settings[name])
            self.assertEqual([], page.toasts)
            # Here it makes a zero of an empty field itself.
            await page.save(stream_delay_compensation=0)
            self.assertEqual(0, page.settings["stream_delay_compensation"])

    async def test_its_list_of_modes_shows_one_that_it_has(self) -> None:
        async with self.mainsail() as page, self.agent() as agent:
            await page.load()
            self.assertEqual("layermacro", page.settings["mode"])
            await page.save(mode="hyperlapse")
            self.assertEqual("hyperlapse", page.settings["mode"])
            await page.save(mode="layermacro")
            self.assertEqual("layermacro", page.settings["mode"])
            # It means frames by layer; of whose choice is no question there.
            settings = await agent.call("machine.timelapse.get_settings")
            self.assertEqual("auto", settings["mode"])

    async def test_a_mode_that_it_does_not_know_is_one_by_layer_to_it(self) -> None:
        async with self.mainsail() as page, self.browser("another") as other:
            for mode in ("auto", "layermacro", "live", "height", "timer", "gcode"):
                await other.call("machine.timelapse.post_settings", mode=mode)
                await page.load()
                self.assertEqual("layermacro", page.settings["mode"])
                # Everybody else sees it as it is.
                settings = await other.call("machine.timelapse.get_settings")
                self.assertEqual(mode, settings["mode"])
                await page.save(autorender=True)
                settings = await other.call("machine.timelapse.get_settings")
                self.assertEqual(mode, settings["mode"])
            await other.call("machine.timelapse.post_settings", mode="auto")

    async def test_a_camera_is_selected_by_name_also_when_fluidd_has_set_it(self) -> None:
        async with self.mainsail() as page, self.fluidd() as fluidd:
            await fluidd.load()
            uid = {cam["name"]: cam["uid"] for cam in fluidd.webcams}
            await fluidd.save(camera=uid["top"])
            await page.load()
            self.assertEqual("top", page.camera_shown)
            self.assertEqual({"rotation": 0}, page.preview_turned)
            await page.save(camera="front")
            await fluidd.load()
            self.assertEqual("front", fluidd.camera_shown)

    async def test_without_a_choice_the_camera_that_is_filmed_is_selected(self) -> None:
        async with self.mainsail() as mainsail, self.fluidd() as fluidd, self.agent() as agent:
            # "Select a webcam", and Fluidd's reset.
            for nothing in (None, ""):
                await mainsail.save(camera=nothing)
                await mainsail.load()
                await fluidd.load()
                # Mainsail turns its preview by it, and Fluidd shows its picture before the first frame.
                self.assertEqual(("front", "front"), (mainsail.camera_shown, fluidd.camera_shown))
                settings = await agent.call("machine.timelapse.get_settings")
                self.assertEqual("", settings["camera"])
            # One that is gone is shown as such.
            await mainsail.save(camera="gone")
            self.assertIsNone(mainsail.camera_shown)
            await mainsail.save(camera="")

    async def test_a_camera_that_it_renames_stays_the_one(self) -> None:
        async with self.mainsail() as page:
            await page.load()
            camera = {
                "name": "side", "enabled": True, "snapshot_url": "/c/?action=snapshot",
                "stream_url": "/c/?action=stream", "service": "mjpegstreamer", "rotation": 90,
            }  # fmt: skip
            await page.call("server.webcams.post_item", **camera)
            await page.save(camera="side")
            # Three calls at once; the setting comes last.
            await page.call("server.webcams.post_item", **{**camera, "name": "aside"})
            await page.call("server.webcams.delete_item", name="side")
            await page.save(camera="aside")
            await page.load()
            self.assertEqual("aside", page.camera_shown)
            self.assertEqual({"rotation": 90}, page.preview_turned)

    async def test_a_value_that_cannot_be_kept_is_told(self) -> None:
        async with self.mainsail() as page:
            await page.load()
            await page.save(park_travel_speed="1.5")
            await page.until(lambda: bool(page.toasts), "the reason")
        self.assertIn(
            "'park_travel_speed' cannot be '1.5'. It must be a whole number", page.toasts[0]
        )

    async def test_the_length_of_a_film_can_be_told_from_the_settings(self) -> None:
        async with self.mainsail() as page, self.agent() as agent:
            await page.load()
            await page.save(output_framerate="30")
            await page.save(duplicatelastframe="5")
            frame = {"framecount": 295, "lastframefile": "frame000295.jpg"}
            await agent.event(
                event={"action": "newframe", "status": "success", "frame": "295"}, lastframe=frame
            )
            await page.init_timelapse()
            self.assertEqual(10, page.estimated_length)

    async def test_backup_reset_and_restore_by_its_general_settings(self) -> None:
        async with self.mainsail() as page:
            await page.load()
            await page.save(targetlength="33")
            item = "/server/database/item"
            backup = page.request("GET", item + "?namespace=timelapse")["value"]
            self.assertEqual(33, backup["config"]["targetlength"])
            for key in backup:
                page.request("DELETE", f"{item}?namespace=timelapse&key={key}")
            await page.load()
            self.assertEqual(10, page.settings["targetlength"])
            for key, value in backup.items():
                page.request("POST", item, {"namespace": "timelapse", "key": key, "value": value})
            await page.load()
            self.assertEqual(33, page.settings["targetlength"])


class FluiddForm(FormTest):
    """Fluidd's settings, its card for them, and its dialog for films."""

    async def test_the_page_opens_without_the_agent(self) -> None:
        async with self.fluidd() as page:
            await page.load()
        self.assertEqual([], page.toasts)
        self.assertEqual(0, page.frames)
        self.assertFalse(page.is_rendering)
        # It takes the answer as a whole, so nothing may be missing.
        self.assertLessEqual(set(MAINSAIL_SETTINGS), set(page.settings))

    async def test_every_number_is_kept_as_it_was_entered(self) -> None:
        async with self.fluidd() as page:
            await page.load()
            for name, (text, value) in NUMBERS.items():
                with self.subTest(name):
                    entered: Any = text
                    if name in FLUIDD_MILLISECONDS:
                        entered = float(text) * 1000 / 1000
                    elif name == "constant_rate_factor":
                        # A slider.
                        entered = int(text)
                    await page.save(**{name: entered})
                    await page.init_timelapse()
                    self.assertEqual(value, page.settings[name])
        self.assertEqual([], page.toasts)

    async def test_every_switch_and_every_choice_is_kept(self) -> None:
        async with self.fluidd() as page:
            await page.load()
            for name in SWITCHES:
                for value in (not page.settings[name], page.settings[name]):
                    await page.save(**{name: value})
                    await page.init_timelapse()
                    self.assertIs(value, page.settings[name], name)
            for position in PARK_POSITIONS:
                await page.save(parkpos=position)
                self.assertEqual(position, page.settings["parkpos"])
            for mode in reversed(MODES):
                await page.save(mode=mode)
                self.assertEqual(mode, page.settings["mode"])
        self.assertEqual([], page.toasts)

    async def test_reset_brings_back_its_defaults_and_frames_by_layer(self) -> None:
        async with self.fluidd() as page, self.agent() as agent:
            await page.load()
            await page.save(mode="hyperlapse", parkpos="center", targetlength="99")
            await page.reset()
            self.assertEqual(
                ("back_left", 10), (page.settings["parkpos"], page.settings["targetlength"])
            )
            self.assertEqual("layermacro", page.settings["mode"])
            settings = await agent.call("machine.timelapse.get_settings")
            # With "layermacro" in its strict sense a file without calls would have no frames.
            self.assertEqual("auto", settings["mode"])

    async def test_what_its_rules_allow_and_we_do_not_becomes_the_nearest_that_we_do(self) -> None:
        async with self.fluidd() as page:
            await page.load()
            for name in (
                "output_framerate",
                "targetlength",
                "variable_fps_min",
                "park_travel_speed",
            ):
                await page.save(**{name: "0"})
                self.assertEqual(1, page.settings[name])
        self.assertEqual([], page.toasts)

    async def test_a_value_that_cannot_be_kept_is_told_once(self) -> None:
        async with self.fluidd() as page:
            await page.load()
            before = page.settings["park_travel_speed"]
            await page.save(park_travel_speed="1.5")
            await page.init_timelapse()
            self.assertEqual(before, page.settings["park_travel_speed"])
        (toast,) = page.toasts
        self.assertIn("'park_travel_speed' cannot be '1.5'", toast)


class LockedForm(FormTest):
    """What moonraker.conf fixes."""

    section = (
        "[timelapse]\noutput_path: ~/films\nframe_path: ~/frames\nmode: hyperlapse\n"
        "hyperlapse_cycle: 20\npark: nearest_edge\nsnapshoturl: http://127.0.0.1:9/s\n"
        "flip_x: True\nenabled: True\n" + WEBCAMS
    )

    async def test_both_lock_what_is_fixed_and_what_it_overrides(self) -> None:
        locked = ("mode", "hyperlapse_cycle", "enabled", "parkpos", "camera")
        async with self.mainsail() as mainsail, self.fluidd() as fluidd:
            for page in (mainsail, fluidd):
                await page.load()
                for field in locked:
                    self.assertTrue(page.is_disabled(field), field)
                for field in ("park_travel_speed", "autorender", "targetlength"):
                    self.assertFalse(page.is_disabled(field), field)
            # Instead of its list of cameras it shows a warning then.
            self.assertTrue(mainsail.is_disabled("snapshoturl"))
            self.assertEqual({"flip_x": True, "flip_y": False}, mainsail.preview_turned)
            # Fluidd leaves out what is locked.
            await fluidd.reset()
            self.assertEqual([], fluidd.toasts)
            self.assertEqual("hyperlapse", fluidd.settings["mode"])


class OverHttp(FormTest):
    """The same for scripts and apps, which use HTTP."""

    async def test_settings_come_as_a_body_or_in_the_address(self) -> None:
        page = self.mainsail()
        path = "/machine/timelapse/settings"
        self.assertTrue(page.request("GET", path)["enabled"])
        self.assertFalse(page.request("POST", path + "?enabled=false&targetlength=21")["enabled"])
        answer = page.request("POST", path, {"enabled": True, "park_time": "0.3"})
        self.assertEqual(
            (True, 21, 0.3), tuple(answer[n] for n in ("enabled", "targetlength", "park_time"))
        )

    async def test_modes_and_cameras_are_what_they_are(self) -> None:
        page = self.mainsail()
        path = "/machine/timelapse/settings"
        self.assertEqual("auto", page.request("GET", path)["mode"])
        self.assertEqual("layermacro", page.request("POST", path, {"mode": "layermacro"})["mode"])
        self.assertEqual("auto", page.request("POST", path, {"mode": "auto"})["mode"])

    async def test_a_button_without_the_agent_is_a_fault_of_the_caller_and_not_of_the_printer(
        self,
    ) -> None:
        page = self.mainsail()
        for button in ("render", "saveframes"):
            with self.assertRaises(urllib.error.HTTPError) as caught:
                page.request("POST", f"/machine/timelapse/{button}", {})
            self.assertEqual(424, caught.exception.code)
            self.assertIn("not running", json.load(caught.exception)["error"]["message"])
            caught.exception.close()

    async def test_the_last_frame_is_told(self) -> None:
        answer = self.mainsail().request("GET", "/machine/timelapse/lastframeinfo")
        self.assertEqual({"framecount": 0, "lastframefile": ""}, answer)
