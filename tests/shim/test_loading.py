"""The component as Moonraker loads and shows it."""

from __future__ import annotations

import json
import pathlib
import re
import subprocess
import unittest
import urllib.request

from .harness import REPOSITORY, MoonrakerTest

# What the component's reader of the schema knows.
KNOWN_KEYWORDS = {
    *("type", "enum", "minimum", "maximum", "default", "description", "x-scope", "x-unit")
}


class Loading(MoonrakerTest):
    """With the section as most people have it."""

    section = """
[timelapse]
output_path: ~/films
frame_path: ~/frames
flip_x: yes
rotation: 90
output_framerate: 25
# Moonraker's own dialect: a comment, an option in capitals, a continued value.
ExtraOutputParams: -vf
  hue=s=0
"""

    async def test_moonraker_loads_the_component_without_a_warning(self) -> None:
        async with self.browser() as browser:
            info = await browser.call("server.info")
        self.assertIn("timelapse", info["components"])
        self.assertEqual([], info["failed_components"])
        self.assertEqual([], info["warnings"])

    async def test_films_can_be_changed_and_frames_only_read(self) -> None:
        async with self.browser() as browser:
            roots = {root["name"]: root for root in await browser.call("server.files.roots")}
        films, frames = self.moonraker.folder / "films", self.moonraker.folder / "frames"
        self.assertTrue(films.is_dir() and frames.is_dir())
        self.assertEqual(
            {"name": "timelapse", "path": str(films), "permissions": "rw"}, roots["timelapse"]
        )
        self.assertEqual(
            {"name": "timelapse_frames", "path": str(frames), "permissions": "r"},
            roots["timelapse_frames"],
        )

    async def test_moonraker_shows_the_section_with_types(self) -> None:
        async with self.browser() as browser:
            config = await browser.call("server.config")
        # Mainsail reads these two and would take the text "no" for true.
        self.assertIs(True, config["config"]["timelapse"]["flip_x"])
        self.assertEqual(90, config["config"]["timelapse"]["rotation"])
        self.assertIn("timelapse", config["orig"])

    async def test_values_are_read_as_moonraker_reads_them(self) -> None:
        async with self.browser() as browser:
            settings = await browser.call("machine.timelapse.get_settings")
        self.assertIs(True, settings["flip_x"])
        self.assertEqual(25, settings["output_framerate"])
        self.assertEqual("-vf\nhue=s=0", settings["extraoutputparams"])

    async def test_frames_that_are_links_to_other_folders_are_listed_and_served(self) -> None:
        store = self.moonraker.folder / "store"
        store.mkdir()
        (store / "a.jpg").write_bytes(b"a frame")
        (self.moonraker.folder / "frames/frame000001.jpg").symlink_to(store / "a.jpg")
        async with self.browser() as browser:
            listed = await browser.call("server.files.get_directory", path="timelapse_frames")
        self.assertEqual(["frame000001.jpg"], [file["filename"] for file in listed["files"]])
        self.assertEqual(len(b"a frame"), listed["files"][0]["size"])
        url = f"{self.moonraker.url}/server/files/timelapse_frames/frame000001.jpg?date=1"
        with urllib.request.urlopen(url) as answer:
            self.assertEqual(b"a frame", answer.read())

    async def test_the_settings_are_answered_over_http_too(self) -> None:
        with urllib.request.urlopen(f"{self.moonraker.url}/machine/timelapse/settings") as answer:
            self.assertIn("enabled", json.load(answer)["result"])


class WrongSection(MoonrakerTest):
    """With values that cannot be used."""

    section = """
[timelapse]
output_path: films
frame_path: ~/frames
mode: sometimes
enabled: perhaps
output_framerate: 0
park_time: nan
constant_rate_factor: 23.5
park_custom_pos_x: 12.5
no_such_option: 1
"""

    async def test_each_wrong_value_is_a_warning_that_says_what_is_allowed(self) -> None:
        async with self.browser() as browser:
            info = await browser.call("server.info")
        self.assertIn("timelapse", info["components"])
        self.assertEqual([], info["failed_components"])
        for words in (
            ("mode", "'sometimes'", "one of auto, layermacro, hyperlapse", "'auto' instead"),
            ("enabled", "'perhaps'", "True or False"),
            ("output_framerate", "'0'", "from 1 to"),
            ("park_time", "'nan'", "a number from 0 to"),
            ("constant_rate_factor", "'23.5'", "a whole number from 0 to 51"),
            ("output_path", "'films'", "absolute path", "'~/timelapse/' instead"),
            ("no_such_option",),
        ):
            with self.subTest(words[0]):
                (warning,) = [text for text in info["warnings"] if words[0] in text]
                self.assertIn("[timelapse]", warning)
                for word in words:
                    self.assertIn(word, warning)
        self.assertEqual(7, len(info["warnings"]))

    async def test_the_default_stands_in_for_a_wrong_value(self) -> None:
        async with self.browser("another") as browser:
            settings = await browser.call("machine.timelapse.get_settings")
        self.assertEqual("auto", settings["mode"])
        self.assertEqual(30, settings["output_framerate"])
        self.assertEqual(12.5, settings["park_custom_pos_x"])

    async def test_the_roots_are_there_in_their_default_places(self) -> None:
        async with self.browser() as browser:
            info = await browser.call("server.info")
            settings = await browser.call("machine.timelapse.get_settings")
        self.assertIn("timelapse", info["registered_directories"])
        self.assertIn("timelapse_frames", info["registered_directories"])
        self.assertTrue((self.moonraker.folder / "timelapse").is_dir())
        self.assertNotIn("output_path", settings)


class UnusableFolder(MoonrakerTest):
    """With a folder that cannot be made."""

    section = "[timelapse]\noutput_path: /dev/null/films\nframe_path: ~/frames\n"

    async def test_it_is_a_warning_and_the_default_folder_is_used(self) -> None:
        async with self.browser() as browser:
            info = await browser.call("server.info")
            roots = {root["name"]: root for root in await browser.call("server.files.roots")}
        (warning,) = info["warnings"]
        self.assertIn("'/dev/null/films'", warning)
        self.assertEqual(str(self.moonraker.folder / "timelapse"), roots["timelapse"]["path"])


class Example(MoonrakerTest):
    """With moonraker.conf.example, every option set as it is shown there."""

    @classmethod
    def setUpClass(cls) -> None:
        text = (REPOSITORY / "moonraker.conf.example").read_text(encoding="utf-8")
        shown = re.sub(r"^#(\w+:|\[)", r"\1", text, flags=re.MULTILINE)
        shown = shown.replace("/tmp/timelapse/", "~/frames/")
        cls.section = shown + "[update_manager]\n"
        super().setUpClass()

    @classmethod
    def prepare(cls, folder: pathlib.Path) -> None:
        # As install.sh does from a release.
        (folder / "moonraker.asvc").write_text("moonlapse\n", encoding="utf-8")
        program = folder / "program"
        program.write_text("#!/bin/sh\n", encoding="utf-8")
        subprocess.run(
            [
                str(REPOSITORY / "scripts/package"), "--repository", "<owner>/<project>",
                "--binary", f"x86_64={program}", "--out", str(folder / "package"),
            ],
            check=True, stdout=subprocess.DEVNULL,
        )  # fmt: skip
        (folder / "package/moonlapse").rename(folder / "moonlapse")

    async def test_moonraker_reads_it_without_a_warning(self) -> None:
        async with self.browser() as browser:
            info = await browser.call("server.info")
            settings = await browser.call("machine.timelapse.get_settings")
        self.assertEqual([], info["warnings"])
        self.assertEqual([], info["failed_components"])
        self.assertIn("enabled", settings["blockedsettings"])

    async def test_the_update_manager_knows_the_release(self) -> None:
        async with self.browser() as browser:
            status = await browser.call("machine.update.status")
        ours = status["version_info"]["moonlapse"]
        self.assertTrue(ours["is_valid"], ours)
        self.assertEqual("zip", ours["configured_type"])
        self.assertEqual([], ours["warnings"])
        self.assertEqual([], ours["anomalies"])
        self.assertRegex(ours["version"], r"^v\d+\.\d+\.\d+")

    async def test_it_shows_the_defaults(self) -> None:
        path = REPOSITORY / "moonraker-component/timelapse/settings.schema.json"
        options = json.loads(path.read_text(encoding="utf-8"))["properties"]
        async with self.browser("another") as browser:
            settings = await browser.call("machine.timelapse.get_settings")
        for name, value in settings.items():
            if name in options:
                self.assertEqual(options[name]["default"], value, name)
        missing = set(options) - {option for option in options if f"\n{option}:" in self.section}
        self.assertEqual(set(), missing)


class Schema(unittest.TestCase):
    """The schema that the agent generates."""

    def test_it_uses_only_what_the_component_can_read(self) -> None:
        path = REPOSITORY / "moonraker-component/timelapse/settings.schema.json"
        schema = json.loads(path.read_text(encoding="utf-8"))
        self.assertEqual("object", schema["type"])
        for name, option in schema["properties"].items():
            with self.subTest(name):
                self.assertLessEqual(set(option), KNOWN_KEYWORDS)
                self.assertIn("default", option)
                self.assertIn(option["x-scope"], ("ui", "conf", "readonly"))
