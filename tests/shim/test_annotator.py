"""Uploads that are annotated, by the agent's program in a real Moonraker."""

from __future__ import annotations

import base64
import io
import json
import os
import pathlib
import stat
import subprocess
import uuid
from typing import Any, Dict, List

from PIL import Image
from tornado.httpclient import AsyncHTTPClient, HTTPRequest

from .harness import REPOSITORY, TIMEOUT, Browser, MoonrakerTest

ANNOTATOR = "machine.timelapse.agent.annotator"
SLICED = REPOSITORY / "tests/data/gcode"

# Told by Klipper on a printer of 235 by 235 by 250 mm.
PRINTER = {
    "toolhead": {"axis_minimum": [0, 0, -2], "axis_maximum": [235, 235, 250]},
    "configfile": {"settings": {"printer": {"kinematics": "cartesian"}}},
}


def program() -> pathlib.Path:
    """The agent's program of this checkout."""
    name = os.environ.get("MOONLAPSE_PROGRAM", str(REPOSITORY / "target/debug/moonlapse"))
    assert os.access(name, os.X_OK), f"{name} is missing: run cargo build first"
    return pathlib.Path(name)


class AnnotatorTest(MoonrakerTest):
    """Tests with a folder for orders and uploads."""

    def order(self, runs: pathlib.Path, **settings: Any) -> None:
        """Leaves orders as the agent does."""
        orders = self.moonraker.folder / "moonlapse/annotate.json"
        orders.parent.mkdir(exist_ok=True)
        settings = {"annotate_files": True, **settings}
        text = json.dumps({"program": str(runs), "settings": settings, "printer": PRINTER})
        orders.write_text(text, encoding="utf-8")

    def script(self, text: str) -> pathlib.Path:
        """A program that takes the agent's place."""
        path = self.moonraker.folder / f"{uuid.uuid4()}.sh"
        path.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
        path.chmod(0o755)
        return path

    def stored(self, name: str) -> bytes:
        """What lies on the disk."""
        return (self.moonraker.folder / "gcodes" / name).read_bytes()

    async def upload(self, name: str, content: bytes) -> None:
        """Uploads a file as slicers do."""
        boundary = uuid.uuid4().hex
        head = (
            f"--{boundary}\r\nContent-Disposition: form-data; "
            f'name="file"; filename="{name}"\r\n\r\n'
        )
        answer = await AsyncHTTPClient().fetch(
            HTTPRequest(
                f"{self.moonraker.url}/server/files/upload",
                method="POST",
                headers={"Content-Type": f"multipart/form-data; boundary={boundary}"},
                body=head.encode() + content + f"\r\n--{boundary}--\r\n".encode(),
                request_timeout=TIMEOUT,
            )
        )
        self.assertEqual(201, answer.code)

    async def metadata(self, browser: Browser, name: str) -> Dict[str, Any]:
        """What Moonraker knows of a file."""
        found: Dict[str, Any] = await browser.call("server.files.metadata", filename=name)
        return found


class Orders(AnnotatorTest):
    """When Moonraker is told to annotate, and when not."""

    async def test_only_the_agent_can_ask_for_it(self) -> None:
        self.order(program())
        async with self.browser() as browser, self.agent("another") as another:
            for client in (browser, another):
                error = await self.refused(client.call(ANNOTATOR, enabled=True))
                self.assertIn("Only the agent", str(error))

    async def test_without_orders_it_is_refused(self) -> None:
        (self.moonraker.folder / "moonlapse/annotate.json").unlink(missing_ok=True)
        async with self.agent() as agent:
            error = await self.refused(agent.call(ANNOTATOR, enabled=True))
        self.assertIn("There are no orders", str(error))

    async def test_a_program_that_cannot_run_is_refused(self) -> None:
        for runs in ("/none/moonlapse", "moonlapse", str(SLICED / "towers_absolute.gcode")):
            self.order(pathlib.Path(runs))
            async with self.agent() as agent:
                error = await self.refused(agent.call(ANNOTATOR, enabled=True))
            self.assertIn(f"cannot run {runs}", str(error))

    async def test_it_ends_with_the_agent_and_with_the_setting(self) -> None:
        self.order(self.script('echo "; seen" >> "$5"'))
        async with self.browser() as browser:
            async with self.agent() as agent:
                await agent.call(ANNOTATOR, enabled=True)
                # Asking twice does no harm.
                await agent.call(ANNOTATOR, enabled=True)
                await self.upload("on.gcode", b"G28\n")
                await agent.call(ANNOTATOR, enabled=False)
                await self.upload("off.gcode", b"G28\n")
                await agent.call(ANNOTATOR, enabled=True)
            await browser.next("notify_agent_event")
            await browser.next("notify_agent_event")
            await self.upload("gone.gcode", b"G28\n")
        self.assertEqual(b"G28\n; seen\n", self.stored("on.gcode"))
        self.assertEqual(b"G28\n", self.stored("off.gcode"))
        self.assertEqual(b"G28\n", self.stored("gone.gcode"))


class Faults(AnnotatorTest):
    """Whatever goes wrong, the upload is whole and can be printed."""

    async def test_a_program_that_fails_or_vanishes_leaves_the_upload_as_it_is(self) -> None:
        failing = self.script("echo it is broken >&2; exit 1")
        vanishing = self.script("true")
        async with self.browser() as browser, self.agent() as agent:
            for runs, name in ((failing, "failing.gcode"), (vanishing, "vanishing.gcode")):
                self.order(runs)
                await agent.call(ANNOTATOR, enabled=True)
                if runs is vanishing:
                    runs.unlink()
                await self.upload(name, b"G28\nG1 X1 Y1\n")
                self.assertEqual(b"G28\nG1 X1 Y1\n", self.stored(name))
                metadata = await self.metadata(browser, name)
                self.assertEqual([], metadata["file_processors"])
                self.assertEqual(13, metadata["size"])
        self.assertIn("it is broken", self.moonraker.log)

    async def test_orders_that_are_gone_by_then_leave_the_upload_as_it_is(self) -> None:
        content = (SLICED / "towers_absolute.gcode").read_bytes()
        self.order(program())
        async with self.agent() as agent:
            await agent.call(ANNOTATOR, enabled=True)
            (self.moonraker.folder / "moonlapse/annotate.json").unlink()
            await self.upload("orders.gcode", content)
        self.assertTrue(content == self.stored("orders.gcode"))

    async def test_a_file_with_calls_of_its_own_stays_and_the_log_says_why(self) -> None:
        content = (SLICED / "towers_slicer_macro.gcode").read_bytes()
        self.order(program())
        async with self.browser() as browser, self.agent() as agent:
            await agent.call(ANNOTATOR, enabled=True)
            await self.upload("own.gcode", content)
            self.assertEqual([], (await self.metadata(browser, "own.gcode"))["file_processors"])
        self.assertTrue(content == self.stored("own.gcode"))
        self.assertIn("it calls for frames itself", self.moonraker.log)


class Uploads(AnnotatorTest):
    """What Moonraker makes of an annotated file."""

    async def test_its_metadata_is_that_of_the_slicers_file(self) -> None:
        self.order(program())
        files = {path.name: path.read_bytes() for path in sorted(SLICED.glob("*.gcode"))}
        # Those that are left alone.
        for name in ("towers_slicer_macro.gcode", "cylinder_vase.gcode"):
            files.pop(name)
        towers = files["towers_relative_zhop.gcode"]
        files["thumbnail.gcode"] = _thumbnail() + towers
        files["thumbnail_crlf.gcode"] = (_thumbnail() + towers).replace(b"\n", b"\r\n")
        files["no_line_end.gcode"] = towers.rstrip(b"\n")
        # Settings and thumbnails lie further apart than what Moonraker reads at once.
        files["large.gcode"] = _thumbnail() + _long(files["two_objects_sequential.gcode"])
        async with self.browser() as browser, self.agent() as agent:
            for name, content in files.items():
                await agent.call(ANNOTATOR, enabled=False)
                await self.upload(name, content)
                plain = await self.metadata(browser, name)
                await agent.call(ANNOTATOR, enabled=True)
                await self.upload(name, content)
                annotated = await self.metadata(browser, name)
                self._compare(name, plain, annotated)
                self._restore(name, content)

    def _compare(self, name: str, plain: Dict[str, Any], annotated: Dict[str, Any]) -> None:
        self.assertEqual(["moonlapse"], annotated.pop("file_processors"), name)
        self.assertEqual([], plain.pop("file_processors"))
        stored = self.stored(name)
        lines = [line for line in stored.splitlines(keepends=True) if b"moonlapse" in line]
        self.assertGreater(len(lines), 20, name)
        # Only what counts bytes differs, by the bytes that were put in before.
        self.assertEqual(len(stored), annotated.pop("size"), name)
        self.assertEqual(len(stored), plain.pop("size") + len(b"".join(lines)), name)
        end, annotated_end = plain.pop("gcode_end_byte"), annotated.pop("gcode_end_byte")
        self.assertEqual(annotated_end, end + len(b"".join(lines)), name)
        for new in ("modified", "uuid"):
            plain.pop(new)
            annotated.pop(new)
        self.assertIn("gcode_start_byte", plain)
        self.assertIn("estimated_time", plain)
        self.assertEqual("thumbnail" in name or "large" in name, "thumbnails" in plain)
        self.assertEqual(plain, annotated, name)

    def _restore(self, name: str, content: bytes) -> None:
        copy = self.moonraker.folder / name
        file = self.moonraker.folder / "gcodes" / name
        subprocess.run([program(), "strip", file, "--out", copy], check=True, capture_output=True)
        self.assertTrue(content == copy.read_bytes(), name)

    async def test_the_user_interfaces_hear_of_it_once(self) -> None:
        content = (SLICED / "towers_absolute.gcode").read_bytes()
        self.order(program())
        async with self.browser() as browser, self.agent() as agent:
            await agent.call(ANNOTATOR, enabled=True)
            await self.upload("once.gcode", content)
            # This one comes behind all that the upload has caused.
            await self.upload("last.txt", b"x")
            heard: List[str] = []
            while "create_file last.txt" not in heard:
                (change,) = await browser.next("notify_filelist_changed")
                heard.append(change["action"] + " " + change["item"]["path"])
        self.assertEqual(["create_file once.gcode", "create_file last.txt"], heard)
        self.assertTrue(b"; moonlapse_annotated" in self.stored("once.gcode"))
        self.assertNotIn("Traceback", self.moonraker.log)

    async def test_a_file_is_annotated_anew_when_the_settings_have_changed(self) -> None:
        content = (SLICED / "towers_absolute.gcode").read_bytes()
        async with self.browser() as browser, self.agent() as agent:
            self.order(program(), park="10,20")
            await agent.call(ANNOTATOR, enabled=True)
            await self.upload("anew.gcode", content)
            first = self.stored("anew.gcode")
            await browser.call("server.files.metascan", filename="anew.gcode")
            self.assertEqual(first, self.stored("anew.gcode"))
            self.order(program(), park="30,40")
            await browser.call("server.files.metascan", filename="anew.gcode")
            second = self.stored("anew.gcode")
        self.assertTrue(b" X=10 Y=20 " in first)
        self.assertTrue(b" X=30 Y=40 " in second)
        self.assertFalse(b" X=10 Y=20 " in second)

    async def test_mode_and_time_of_the_file_stay(self) -> None:
        self.order(program())
        copied = self.moonraker.folder / "kept.gcode"
        copied.write_bytes((SLICED / "towers_absolute.gcode").read_bytes())
        copied.chmod(0o604)
        os.utime(copied, (1_700_000_000, 1_700_000_000))
        file = self.moonraker.folder / "gcodes/kept.gcode"
        async with self.browser() as browser, self.agent() as agent:
            await agent.call(ANNOTATOR, enabled=True)
            copied.rename(file)
            await browser.next("notify_filelist_changed")
        self.assertTrue(b"; moonlapse_annotated" in file.read_bytes())
        found = file.stat()
        self.assertEqual((0o604, 1_700_000_000), (stat.S_IMODE(found.st_mode), found.st_mtime))


def _thumbnail() -> bytes:
    """A thumbnail as PrusaSlicer writes it."""
    picture = io.BytesIO()
    Image.effect_noise((64, 64), 90).convert("RGB").save(picture, "PNG")
    text = base64.b64encode(picture.getvalue()).decode()
    lines = [f"; thumbnail begin 64x64 {len(text)}"]
    lines += [f"; {text[at : at + 78]}" for at in range(0, len(text), 78)]
    lines += ["; thumbnail end", ";", ""]
    head = "; generated by PrusaSlicer 2.7.4+linux on 2026-11-23 at 06:00:00 UTC\n\n"
    return head.encode() + "\n".join(lines).encode()


def _long(sliced: bytes) -> bytes:
    """The same print, with more than two MiB of comments within its layers."""
    return sliced.replace(b"\n;TYPE:", b"\n" + b";" + b"x" * 2000 + b"\n;TYPE:")
