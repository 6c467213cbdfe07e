"""The agent's side: its events, and the calls that it gets."""

from __future__ import annotations

import asyncio
from typing import Any

from .harness import MoonrakerTest

RENDER = "machine.timelapse.render"
SAVE_FRAMES = "machine.timelapse.saveframes"
LAST_FRAME = "machine.timelapse.lastframeinfo"
POST = "machine.timelapse.post_settings"


class Calls(MoonrakerTest):
    """Calls of the user interfaces that the agent answers."""

    @property
    def service(self) -> str:
        return f"moonlapse-{self.moonraker.folder.name}"

    async def test_without_the_agent_they_say_how_to_start_it(self) -> None:
        async with self.browser() as browser:
            for method in (RENDER, SAVE_FRAMES):
                error = await self.refused(browser.call(method))
                self.assertIn("not running", str(error))
                self.assertIn(f"systemctl start {self.service}' ", str(error))

    async def test_the_answer_of_the_agent_is_handed_on(self) -> None:
        async with self.browser() as browser, self.agent() as agent:
            agent.methods["timelapse.render"] = lambda params: {"action": "render"}
            agent.methods["timelapse.saveframes"] = lambda params: {"zipfile": "a.zip"}
            self.assertEqual({"action": "render"}, await browser.call(RENDER))
            self.assertEqual({"zipfile": "a.zip"}, await browser.call(SAVE_FRAMES))

    async def test_the_reason_of_a_refusal_is_handed_on(self) -> None:
        def refuse(params: Any) -> Any:
            raise ValueError("There are no frames yet.")

        async with self.browser() as browser, self.agent() as agent:
            agent.methods["timelapse.render"] = refuse
            error = await self.refused(browser.call(RENDER))
        self.assertEqual("There are no frames yet.", str(error))

    async def test_an_answer_of_null_is_an_error_for_the_user_interface(self) -> None:
        async with self.browser() as browser, self.agent() as agent:
            agent.methods["timelapse.render"] = lambda params: None
            error = await self.refused(browser.call(RENDER))
        self.assertIn("could not make the film", str(error))

    async def test_a_slow_agent_is_given_up_and_can_connect_again(self) -> None:
        async with self.browser() as browser:
            async with self.agent() as agent:
                error = await self.refused(browser.call(RENDER))
                self.assertIn("did not answer within 5 seconds", str(error))
                # The answer that comes too late does no harm.
                await agent.next("timelapse.render")
                await agent.answer_late({"action": "render"})
                await agent.event(event=None, lastframe=None)
            await browser.next("notify_agent_event")
            await browser.next("notify_agent_event")
            async with self.agent() as agent:
                agent.methods["timelapse.render"] = lambda params: {"again": True}
                self.assertEqual({"again": True}, await browser.call(RENDER))
        self.assertNotIn("Traceback", self.moonraker.log)

    async def test_a_call_that_hangs_does_not_hold_up_the_settings(self) -> None:
        async with self.browser() as browser, self.agent() as agent:
            call = asyncio.ensure_future(browser.call(RENDER))
            await agent.next("timelapse.render")
            await browser.call("machine.timelapse.get_settings")
            await browser.call(LAST_FRAME)
            self.assertFalse(call.done())
            await agent.answer_late({"action": "render"})
            self.assertEqual({"action": "render"}, await call)

    async def test_an_agent_that_goes_away_during_a_call_counts_as_absent(self) -> None:
        async with self.browser() as browser:
            async with self.agent() as agent:
                call = asyncio.ensure_future(browser.call(RENDER))
                await agent.next("timelapse.render")
            error = await self.refused(call)
        self.assertIn("not running", str(error))


class Events(MoonrakerTest):
    """What the agent sends."""

    async def test_an_event_reaches_the_user_interfaces_unchanged(self) -> None:
        event = {"action": "newframe", "status": "success", "frame": "12", "x": [1, None]}
        async with self.browser() as browser, self.agent() as agent:
            await agent.event(event=event, lastframe=None)
            self.assertEqual(event, await browser.next_event())

    async def test_the_last_frame_is_remembered_also_without_the_agent(self) -> None:
        frame = {"framecount": 12, "lastframefile": "frame000012.jpg"}
        async with self.browser() as browser:
            async with self.agent() as agent:
                await agent.event(event=None, lastframe=frame)
                self.assertEqual(frame, await browser.call(LAST_FRAME))
                await agent.event(event={"action": "other"})
            self.assertEqual(frame, await browser.call(LAST_FRAME))

    async def test_after_a_failed_film_the_current_frame_is_shown_again(self) -> None:
        error = {"action": "render", "status": "error", "msg": "The card is full."}
        async with self.browser("fluidd") as browser, self.agent() as agent:
            await agent.event(
                event=error, lastframe={"framecount": 7, "lastframefile": "frame000007.jpg"}
            )
            self.assertEqual(error, await browser.next_event())
            self.assertEqual(
                {
                    "action": "newframe",
                    "status": "success",
                    "frame": "7",
                    "framefile": "frame000007.jpg",
                },
                await browser.next_event(),
            )

    async def test_progress_ends_when_the_agent_goes_away(self) -> None:
        async with self.browser() as browser:
            async with self.agent() as agent:
                running = {"action": "render", "status": "running", "progress": 40}
                await agent.event(event=running)
                self.assertEqual(running, await browser.next_event())
            stopped = await browser.next_event()
            self.assertEqual(("render", "error"), (stopped["action"], stopped["status"]))
            self.assertIn("Moonlapse stopped", stopped["msg"])
            self.assertEqual("newframe", (await browser.next_event())["action"])

    async def test_nothing_is_sent_when_the_agent_goes_away_after_the_film(self) -> None:
        async with self.browser() as browser:
            async with self.agent() as agent:
                success = {"action": "render", "status": "success", "filename": "a.mp4"}
                await agent.event(event=success)
                self.assertEqual(success, await browser.next_event())
            async with self.agent() as agent:
                await agent.event(event={"action": "next"})
                self.assertEqual({"action": "next"}, await browser.next_event())

    async def test_nobody_else_can_send_events(self) -> None:
        async with self.browser() as browser, self.agent("another") as another:
            for client in (browser, another):
                error = await self.refused(
                    client.call("machine.timelapse.agent.event", event={"action": "newframe"})
                )
                self.assertIn("Only the agent", str(error))

    async def test_an_event_of_the_wrong_form_is_refused(self) -> None:
        async with self.agent() as agent:
            await self.refused(agent.event(event="newframe"))
            await self.refused(agent.event(lastframe=[1, "frame000001.jpg"]))
            await self.refused(agent.event(lastframe={"framecount": "1", "lastframefile": "a"}))
            await self.refused(agent.event(lastframe={"framecount": 1}))


class SettingsForTheAgent(MoonrakerTest):
    """How the agent learns the settings."""

    async def test_it_reads_all_of_them_and_the_folders_in_use(self) -> None:
        async with self.agent() as agent:
            settings = await agent.call("machine.timelapse.get_settings")
        self.assertEqual(str(self.moonraker.folder / "films"), settings["output_path"])
        self.assertEqual(str(self.moonraker.folder / "frames"), settings["frame_path"])
        self.assertIn("enabled", settings)
        self.assertEqual([], settings["blockedsettings"])

    async def test_many_key_strokes_reach_it_as_few_messages(self) -> None:
        async with self.browser() as browser, self.agent() as agent:
            # More than the agent is told of, however slow the machine is.
            strokes = [browser.call(POST, park_custom_pos_x=str(n)) for n in range(1, 31)]
            await asyncio.gather(*strokes)
            await browser.call(POST, park_custom_pos_x="400")
            received = []
            while 400.0 not in received:
                changed = await agent.next("timelapse.settings_changed")
                self.assertIn("output_path", changed["settings"])
                received.append(changed["settings"]["park_custom_pos_x"])
            await browser.call(POST, park_custom_pos_x="500")
            while 500.0 not in received:
                changed = await agent.next("timelapse.settings_changed")
                received.append(changed["settings"]["park_custom_pos_x"])
        self.assertLess(len(received), len(strokes) / 2)

    async def test_a_restored_backup_reaches_it(self) -> None:
        async with self.browser() as browser, self.agent() as agent:
            await browser.call(
                "server.database.post_item",
                namespace="timelapse", key="config", value={"hyperlapse_cycle": 99},
            )  # fmt: skip
            await browser.call("machine.timelapse.get_settings")
            changed = await agent.next("timelapse.settings_changed")
        self.assertEqual(99, changed["settings"]["hyperlapse_cycle"])

    async def test_it_gets_the_camera_as_it_was_saved(self) -> None:
        async with self.browser("fluidd") as browser, self.agent() as agent:
            await browser.call(POST, camera="0f0f-uid")
            changed = await agent.next("timelapse.settings_changed")
            self.assertEqual("0f0f-uid", changed["settings"]["camera"])
