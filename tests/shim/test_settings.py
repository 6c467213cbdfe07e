"""Settings as Mainsail and Fluidd send and read them."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from typing import Any, Dict

from .harness import REPOSITORY, Browser, MoonrakerTest, RpcError

GET = "machine.timelapse.get_settings"
POST = "machine.timelapse.post_settings"

# The keys, types and defaults that the two user interfaces know.
KNOWN: Dict[str, Any] = {
    "enabled": True,
    "mode": "auto",
    "camera": "",
    "stream_delay_compensation": 0.05,
    "gcode_verbose": False,
    "parkhead": True,
    "parkpos": "back_left",
    "park_custom_pos_x": 10.0,
    "park_custom_pos_y": 10.0,
    "park_custom_pos_dz": 0.0,
    "park_travel_speed": 200,
    "park_retract_speed": 15,
    "park_extrude_speed": 15,
    "park_retract_distance": 1.0,
    "park_extrude_distance": 1.0,
    "park_time": 0.1,
    "fw_retract": False,
    "hyperlapse_cycle": 30,
    "autorender": True,
    "constant_rate_factor": 23,
    "output_framerate": 30.0,
    "pixelformat": "yuv420p",
    "time_format_code": "%Y%m%d_%H%M",
    "extraoutputparams": "",
    "variable_fps": False,
    "targetlength": 10,
    "variable_fps_min": 5,
    "variable_fps_max": 60,
    "rotation": 0,
    "flip_x": False,
    "flip_y": False,
    "snapshoturl": "http://localhost:8080/?action=snapshot",
    "duplicatelastframe": 5,
    "previewimage": True,
    "saveframes": False,
}

WEBCAMS = """
[webcam front]
stream_url: /webcam/?action=stream
snapshot_url: /webcam/?action=snapshot

[webcam top]
stream_url: /webcam2/?action=stream
snapshot_url: /webcam2/?action=snapshot
"""


class FreshSettings(MoonrakerTest):
    """Before anybody has set anything."""

    async def test_every_key_of_the_user_interfaces_is_there_with_its_default(self) -> None:
        async with self.browser("another") as browser:
            settings = await browser.call(GET)
        for name, default in KNOWN.items():
            with self.subTest(name):
                self.assertEqual(default, settings[name])
                self.assertIs(type(default), type(settings[name]))
        # Fluidd fails without this list.
        self.assertEqual([], settings["blockedsettings"])

    async def test_options_of_the_conf_alone_are_not_shown(self) -> None:
        async with self.browser() as browser:
            settings = await browser.call(GET)
        self.assertNotIn("output_path", settings)
        self.assertNotIn("frame_path", settings)

    async def test_there_is_no_last_frame(self) -> None:
        async with self.browser() as browser:
            info = await browser.call("machine.timelapse.lastframeinfo")
        self.assertEqual({"framecount": 0, "lastframefile": ""}, info)


class ChangedSettings(MoonrakerTest):
    """Changes by a user interface."""

    section = MoonrakerTest.section + WEBCAMS

    async def post(self, **values: Any) -> Dict[str, Any]:
        async with self.browser() as browser:
            settings: Dict[str, Any] = await browser.call(POST, **values)
            self.assertEqual(await browser.call(GET), settings)
        return settings

    async def test_numbers_arrive_as_text(self) -> None:
        settings = await self.post(hyperlapse_cycle="45", park_time="0.25", targetlength=12)
        self.assertEqual(45, settings["hyperlapse_cycle"])
        self.assertEqual(0.25, settings["park_time"])
        self.assertEqual(12, settings["targetlength"])

    async def test_an_emptied_text_is_empty(self) -> None:
        await self.post(extraoutputparams="-an")
        self.assertEqual("", (await self.post(extraoutputparams=""))["extraoutputparams"])

    async def test_a_number_can_be_typed_key_by_key(self) -> None:
        async with self.browser() as browser:
            for typed, meant in (("1", 1.0), ("1.", 1.0), ("1.2", 1.2), ("1.25", 1.25)):
                settings = await browser.call(POST, stream_delay_compensation=typed)
                self.assertEqual(meant, settings["stream_delay_compensation"])

    async def test_the_frame_rate_of_zero_that_fluidd_allows_becomes_one(self) -> None:
        self.assertEqual(1, (await self.post(output_framerate="0"))["output_framerate"])
        self.assertEqual(51, (await self.post(constant_rate_factor=99))["constant_rate_factor"])

    async def test_switches_arrive_as_booleans_or_text(self) -> None:
        self.assertIs(True, (await self.post(saveframes=True))["saveframes"])
        self.assertIs(False, (await self.post(saveframes="False"))["saveframes"])

    async def test_unknown_and_readonly_keys_are_ignored(self) -> None:
        settings = await self.post(
            autorenderOnce=True, snapshoturl="http://127.0.0.1/other", output_path="/", rotation=90
        )
        self.assertNotIn("autorenderOnce", settings)
        self.assertEqual(KNOWN["snapshoturl"], settings["snapshoturl"])
        self.assertEqual(0, settings["rotation"])

    async def test_a_value_that_makes_no_sense_changes_nothing(self) -> None:
        before = await self.post(park_travel_speed=120, parkpos="center")
        for values, word in (
            ({"park_travel_speed": 90, "parkpos": "somewhere"}, "one of center,"),
            ({"park_travel_speed": "fast"}, "a whole number"),
            ({"park_travel_speed": "1.5"}, "a whole number"),
            ({"park_travel_speed": True}, "a whole number"),
            ({"park_time": "inf"}, "a number"),
            ({"enabled": "perhaps"}, "True or False"),
        ):
            with self.subTest(values):
                async with self.browser() as browser:
                    error = await self.refused(browser.call(POST, **values))
                    self.assertIn(word, str(error))
                    self.assertEqual(before, await browser.call(GET))

    async def test_mainsail_names_a_camera_by_name_and_fluidd_by_uid(self) -> None:
        async with self.browser("mainsail") as mainsail, self.browser("fluidd") as fluidd:
            webcams = (await mainsail.call("server.webcams.list"))["webcams"]
            uid = {webcam["name"]: webcam["uid"] for webcam in webcams}

            async def shown() -> Any:
                return [(await client.call(GET))["camera"] for client in (mainsail, fluidd)]

            await mainsail.call(POST, camera="top")
            self.assertEqual(["top", uid["top"]], await shown())
            await fluidd.call(POST, camera=uid["front"])
            self.assertEqual(["front", uid["front"]], await shown())
            # Mainsail saves the new name before Moonraker has it.
            await mainsail.call(POST, camera="not yet there")
            self.assertEqual(["not yet there"] * 2, await shown())
            await mainsail.call(POST, camera="")
            self.assertEqual(["front", uid["front"]], await shown())

    async def test_settings_survive_a_restart_of_moonraker(self) -> None:
        await self.post(hyperlapse_cycle="77", time_format_code="%Y", enabled=False)
        await asyncio.to_thread(self.moonraker.stop)
        await asyncio.to_thread(self.moonraker.start)
        async with self.browser() as browser:
            settings = await browser.call(GET)
        self.assertEqual(77, settings["hyperlapse_cycle"])
        self.assertEqual("%Y", settings["time_format_code"])
        self.assertIs(False, settings["enabled"])

    async def test_a_backup_that_mainsail_restores_counts_at_once(self) -> None:
        async with self.browser() as browser:
            await restore(browser, {"hyperlapse_cycle": 55, "parkpos": "nowhere", "other": 1})
            settings = await browser.call(GET)
            self.assertEqual(55, settings["hyperlapse_cycle"])
            self.assertEqual("back_left", settings["parkpos"])
            # What is not ours stays in the record.
            await browser.call(POST, hyperlapse_cycle=56)
            item = await browser.call(
                "server.database.get_item", namespace="timelapse", key="config"
            )
            self.assertEqual(1, item["value"]["other"])
            self.assertEqual(56, item["value"]["hyperlapse_cycle"])
            await restore(browser, "no object")
            self.assertEqual(30, (await browser.call(GET))["hyperlapse_cycle"])


class FixedSettings(MoonrakerTest):
    """Settings that moonraker.conf fixes."""

    section = """
[timelapse]
output_path: ~/films
frame_path: ~/frames
mode: hyperlapse
hyperlapse_cycle: 20
parkpos: center
output_framerate: 25
snapshoturl: http://127.0.0.1:9/snapshot
"""

    async def test_they_are_named_also_as_mainsail_asks_for_them(self) -> None:
        async with self.browser() as browser:
            blocked = (await browser.call(GET))["blockedsettings"]
        self.assertCountEqual(
            ["mode", "hyperlapse_cycle", "parkpos", "output_framerate", "snapshoturl"]
            # Where the pictures come from `snapshoturl`, no choice of a camera counts.
            + ["modeOptions", "hyperlapseCycle", "parkposOptions", "camera"],
            blocked,
        )

    async def test_a_user_interface_cannot_change_them(self) -> None:
        async with self.browser() as browser:
            settings = await browser.call(
                POST, output_framerate=60, mode="layermacro", saveframes=True
            )
        self.assertEqual(25, settings["output_framerate"])
        self.assertEqual("hyperlapse", settings["mode"])
        self.assertIs(True, settings["saveframes"])

    async def test_what_is_sent_for_them_is_neither_read_nor_saved(self) -> None:
        async with self.browser() as browser:
            await browser.call(POST, mode="nonsense", parkpos="front_left", targetlength=21)
            item = await browser.call(
                "server.database.get_item", namespace="timelapse", key="config"
            )
        self.assertEqual(21, item["value"]["targetlength"])
        self.assertNotIn("parkpos", item["value"])

    async def test_a_record_of_moonraker_timelapse_keeps_its_defaults(self) -> None:
        async with self.browser() as browser:
            await restore(browser, {"targetlength": 20})
            settings = await browser.call(GET)
            self.assertIs(False, settings["parkhead"])
            self.assertEqual(100, settings["park_travel_speed"])
            # What is set here makes it our record, and changes nothing else.
            settings = await browser.call(POST, targetlength=22)
            self.assertIs(False, settings["parkhead"])
            settings = await browser.call(POST, parkhead=True)
            self.assertIs(True, settings["parkhead"])
            await restore(browser, {"targetlength": 20, "moonlapse": 1})
            self.assertIs(True, (await browser.call(GET))["parkhead"])

    async def test_the_installer_puts_the_record_of_moonraker_timelapse_back(self) -> None:
        old = {"targetlength": 20, "camera": "front", "unknown": [1]}
        async with self.browser() as browser:
            await restore(browser, old)
            await browser.call(GET)
            await browser.call(POST, targetlength=23)
            await browser.call(POST, targetlength=24)
            self.ask("restore-settings")
            namespace = await browser.call("server.database.get_item", namespace="timelapse")
            self.assertEqual({"config": old}, namespace["value"])

    async def test_the_installer_leaves_no_record_where_there_was_none(self) -> None:
        async with self.browser() as browser:
            await restore(browser, {})
            await forget_before(browser)
            await browser.call(GET)
            await browser.call(POST, targetlength=25)
            self.ask("restore-settings")
            # Moonraker drops a namespace with its last key.
            with self.assertRaisesRegex(RpcError, "timelapse not found"):
                await browser.call("server.database.get_item", namespace="timelapse")
            self.ask("restore-settings")

    async def test_the_installer_asks_for_the_state_of_the_print(self) -> None:
        self.assertEqual("none\n", self.ask("print-state"))

    def ask(self, question: str) -> str:
        """Asks Moonraker as install.sh does."""
        program = REPOSITORY / "installer/moonraker.py"
        path = self.moonraker.folder / "comms/moonraker.sock"
        done = subprocess.run(
            [sys.executable, str(program), str(path), question],
            capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        self.assertEqual(0, done.returncode, done.stderr)
        return done.stdout

    async def test_the_database_cannot_change_them(self) -> None:
        async with self.browser() as browser:
            await restore(browser, {"output_framerate": 60, "targetlength": 20})
            settings = await browser.call(GET)
        self.assertEqual(25, settings["output_framerate"])
        self.assertEqual(20, settings["targetlength"])


class InheritedSettings(MoonrakerTest):
    """A record that moonraker-timelapse has left in the database."""

    async def test_its_mode_by_layer_is_ours(self) -> None:
        async with self.browser("another") as browser:
            for record, mode in (
                ({"mode": "layermacro"}, "auto"),
                ({"mode": "hyperlapse"}, "hyperlapse"),
                ({"mode": ["no", "mode"]}, "auto"),
                ({"mode": "layermacro", "moonlapse": 1}, "layermacro"),
            ):
                await restore(browser, record)
                self.assertEqual(mode, (await browser.call(GET))["mode"])


async def forget_before(browser: Browser) -> None:
    """Drops what an earlier test left."""
    try:
        await browser.call(
            "server.database.delete_item", namespace="timelapse", key="before_moonlapse"
        )
    except RpcError:
        pass


async def restore(browser: Browser, record: Any) -> None:
    """Writes to the database as Mainsail does when it restores a backup."""
    await browser.call(
        "server.database.post_item", namespace="timelapse", key="config", value=record
    )
