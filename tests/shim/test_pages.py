"""The pages of Mainsail and Fluidd while the agent comes, goes and reports."""

from __future__ import annotations

import asyncio
from typing import Any, Dict, List

from .harness import Agent
from .pages import Page
from .test_forms import FormTest

RENDER = "machine.timelapse.render"
SAVE_FRAMES = "machine.timelapse.saveframes"


async def frame(agent: Agent, number: int, **more: Any) -> None:
    """The agent took a frame."""
    name = f"frame{number:06}.jpg" if number else ""
    event = {
        "action": "newframe",
        "status": "success",
        "frame": str(number),
        "framefile": name,
        **more,
    }
    await agent.event(event=event, lastframe={"framecount": number, "lastframefile": name})


async def render(agent: Agent, status: str, **more: Any) -> None:
    """The agent makes a film."""
    await agent.event(event={"action": "render", "status": status, **more})


class Frames(FormTest):
    """Frames of a print."""

    async def test_frames_are_counted_and_shown(self) -> None:
        folder = self.moonraker.folder / "frames"
        for number in (1, 2):
            (folder / f"frame{number:06}.jpg").write_bytes(b"picture %d" % number)
        async with self.mainsail() as mainsail, self.fluidd() as fluidd, self.agent() as agent:
            await mainsail.load()
            await fluidd.load()
            for number in (0, 1, 2):
                await frame(agent, number)
            await mainsail.until(lambda: mainsail.frames == 2, "two frames")
            await fluidd.until(lambda: fluidd.frames == 2, "two frames")
            self.assertEqual(b"picture 2", mainsail.fetch(str(mainsail.picture)))
            for number in (1, 2):
                self.assertEqual(b"picture %d" % number, fluidd.fetch(fluidd.picture(number)))
        # Opened later, without the agent.
        async with self.mainsail() as mainsail, self.fluidd() as fluidd:
            await mainsail.load()
            await fluidd.load()
            self.assertEqual((2, 2), (mainsail.frames, fluidd.frames))
            self.assertEqual(b"picture 2", mainsail.fetch(str(mainsail.picture)))

    async def test_a_missed_frame_leaves_the_last_good_one(self) -> None:
        async with self.mainsail() as mainsail, self.fluidd() as fluidd, self.agent() as agent:
            await mainsail.load()
            await fluidd.load()
            await frame(agent, 7)
            missed = {
                "action": "newframe",
                "status": "error",
                "frame": "7",
                "framefile": "frame000007.jpg",
            }
            await agent.event(event=missed)
            await fluidd.until(lambda: fluidd.toasts == ["newframe"], "the miss")
            await mainsail.until(lambda: mainsail.frames == 7, "the frame")
            self.assertEqual("timelapse_frames/frame000007.jpg", mainsail.picture)
            self.assertEqual(7, fluidd.frames)

    async def test_a_new_print_begins_without_frames(self) -> None:
        async with self.mainsail() as mainsail, self.fluidd() as fluidd, self.agent() as agent:
            await frame(agent, 9)
            await mainsail.load()
            await fluidd.load()
            await frame(agent, 0)
            await mainsail.until(lambda: mainsail.frames == 0, "the new print")
            await fluidd.until(lambda: fluidd.frames == 0, "the new print")
            self.assertIsNone(mainsail.picture)


class Films(FormTest):
    """Films and zips."""

    async def test_a_film_is_followed_to_its_end(self) -> None:
        async with self.mainsail() as mainsail, self.fluidd() as fluidd, self.agent() as agent:
            agent.methods["timelapse.render"] = lambda params: {
                "action": "render",
                "status": "started",
            }
            await mainsail.load()
            await fluidd.load()
            await frame(agent, 3)
            await mainsail.press(RENDER)
            await render(agent, "started", framecount="3")
            await fluidd.until(lambda: fluidd.is_rendering, "the beginning")
            await render(agent, "running", progress=40)
            await mainsail.until(lambda: mainsail.rendering["progress"] == 40, "progress")
            await render(agent, "success", filename="a.mp4", printfile="a.gcode", framecount="3")
            await mainsail.until(lambda: mainsail.toasts == ["a.mp4"], "the film")
            await fluidd.until(lambda: not fluidd.is_rendering, "the film")

    async def test_no_end_of_a_film_leaves_a_page_waiting(self) -> None:
        ends: List[Dict[str, Any]] = [
            {"status": "error", "msg": "The disk is full."},
            {"status": "skipped", "msg": "There are no frames."},
            # A word of a later version.
            {"status": "postponed"},
        ]
        async with self.mainsail() as mainsail, self.fluidd() as fluidd, self.agent() as agent:
            await mainsail.load()
            await fluidd.load()
            await frame(agent, 3)
            for end in ends:
                await render(agent, "running", progress=40)
                await fluidd.until(lambda: fluidd.is_rendering, "progress")
                await render(agent, **end)
                await fluidd.until(lambda: not fluidd.is_rendering, "the end")
                await mainsail.until(lambda: mainsail.rendering["status"] != "running", "the end")
                self.assertEqual((3, 3), (mainsail.frames, fluidd.frames))
            self.assertEqual(["The disk is full."], mainsail.toasts)

    async def test_an_agent_that_goes_away_leaves_no_page_waiting(self) -> None:
        async with self.mainsail() as mainsail, self.fluidd() as fluidd:
            await mainsail.load()
            await fluidd.load()
            async with self.agent() as agent:
                await frame(agent, 3)
                await render(agent, "running", progress=40)
                await fluidd.until(lambda: fluidd.is_rendering, "progress")
            await fluidd.until(lambda: not fluidd.is_rendering, "the end")
            await mainsail.until(lambda: bool(mainsail.toasts), "the reason")
            self.assertIn("Moonlapse stopped while it made the film", mainsail.toasts[0])
            self.assertEqual((3, 3), (mainsail.frames, fluidd.frames))

    async def test_a_button_that_cannot_be_served_says_why_once_on_the_page_where_it_was_pressed(
        self,
    ) -> None:
        async with self.mainsail() as mainsail, self.fluidd() as fluidd, self.mainsail() as other:
            pages: List[Page] = [mainsail, fluidd, other]
            for page in pages:
                await page.load()
            for method, what in ((RENDER, "make the film"), (SAVE_FRAMES, "save the frames")):
                for page in (mainsail, fluidd):
                    await page.press(method)
                    await page.until(lambda: bool(page.toasts), "the reason")
                    (toast,) = page.toasts
                    self.assertIn(f"Moonlapse is not running, so it cannot {what}", toast)
                    page.toasts.clear()

            def refuse(params: Any) -> Any:
                raise ValueError("There are no frames yet.")

            async with self.agent() as agent:
                agent.methods["timelapse.render"] = refuse
                for page in (mainsail, fluidd):
                    await page.press(RENDER)
                    await page.until(
                        lambda: page.toasts == ["There are no frames yet."], "the reason"
                    )
            self.assertEqual([], other.toasts)


class Restarts(FormTest):
    """Moonraker is restarted while pages are open."""

    async def test_a_page_that_connects_again_finds_settings_and_frames(self) -> None:
        async with self.mainsail() as mainsail, self.agent() as agent:
            await mainsail.load()
            await mainsail.save(targetlength="44")
            await frame(agent, 5)
        await asyncio.to_thread(self.moonraker.stop)
        await asyncio.to_thread(self.moonraker.start)
        async with self.mainsail() as mainsail, self.fluidd() as fluidd:
            await mainsail.load()
            self.assertEqual(44, mainsail.settings["targetlength"])
            self.assertEqual(0, mainsail.frames)
            # The agent tells where it stands when it is there again, without an event.
            async with self.agent() as agent:
                await agent.event(
                    event=None, lastframe={"framecount": 5, "lastframefile": "frame000005.jpg"}
                )
                await fluidd.load()
            self.assertEqual(5, fluidd.frames)


class FileLists(FormTest):
    """The list of films."""

    async def test_films_are_listed_with_their_pictures_and_deleted_with_them(self) -> None:
        films = self.moonraker.folder / "films"
        async with self.mainsail() as page:
            await page.load()
            for name in ("a.mp4", "a.jpg", "a_frames.zip", ".a.mp4.json"):
                temporary = films / f".moonlapse-{name}.part"
                temporary.write_bytes(name.encode())
                temporary.rename(films / name)
            listed = await page.call("server.files.get_directory", path="timelapse")
            names = {file["filename"] for file in listed["files"]}
            self.assertEqual(
                {"a.mp4", "a.jpg", "a_frames.zip"}, {n for n in names if not n.startswith(".")}
            )
            self.assertEqual(b"a.mp4", page.fetch("timelapse/a.mp4"))
            self.assertEqual(b"a.jpg", page.fetch("timelapse/a.jpg?timestamp=1"))
            # Renamed and deleted, the picture on its own.
            for old, new in (("a.mp4", "b.mp4"), ("a.jpg", "b.jpg")):
                await page.call(
                    "server.files.move", source=f"timelapse/{old}", dest=f"timelapse/{new}"
                )
            await page.call(
                "server.files.zip", items=["timelapse/b.mp4"], dest="timelapse/timelapse-1.zip"
            )
            for name in ("b.mp4", "b.jpg"):
                await page.call("server.files.delete_file", path=f"timelapse/{name}")
            await page.call("server.files.post_directory", path="timelapse/keep")
            await page.call("server.files.delete_directory", path="timelapse/keep", force=True)
            listed = await page.call("server.files.get_directory", path="timelapse")
            self.assertEqual(
                {"a_frames.zip", "timelapse-1.zip"},
                {f["filename"] for f in listed["files"] if not f["filename"].startswith(".")},
            )

    async def test_frames_cannot_be_deleted_there(self) -> None:
        (self.moonraker.folder / "frames/frame000001.jpg").write_bytes(b"picture")
        async with self.fluidd() as page:
            await self.refused(
                page.call("server.files.delete_file", path="timelapse_frames/frame000001.jpg")
            )
