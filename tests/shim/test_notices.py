"""The agent's news for ``[notifier]`` sections and announcements."""

from __future__ import annotations

import asyncio
import http.server
import json
import queue
import threading
from typing import Any, Dict, List

from .harness import TIMEOUT, MoonrakerTest

SECTION = """
[timelapse]
output_path: ~/films
frame_path: ~/frames

[notifier films]
url: json://127.0.0.1:{port}/films
events: complete, timelapse_ready, timelapse_failed
title: {{event_name}}
body: {{event_args[1].filename}}: {{event_message}}

[notifier everything]
url: json://127.0.0.1:{port}/everything
events: *
body: a print

[notifier nowhere]
url: json://127.0.0.1:1/
events: timelapse_ready
"""

FAILED: Dict[str, Any] = {
    "event": "timelapse_failed",
    "message": "The disk is full.",
    "facts": {"filename": "benchy.gcode", "session": "20261123-153042_benchy"},
}
READY: Dict[str, Any] = {**FAILED, "event": "timelapse_ready", "message": "Timelapse ready: a.mp4"}


class Notices(MoonrakerTest):
    """What the agent tells of."""

    posts: "queue.Queue[List[Any]]"

    @classmethod
    def setUpClass(cls) -> None:
        posts: "queue.Queue[List[Any]]" = queue.Queue()

        class Receiver(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                posts.put([self.path, json.loads(body)])
                self.send_response(200)
                self.end_headers()

            def log_message(self, *args: Any) -> None:
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        cls.addClassCleanup(server.server_close)
        cls.addClassCleanup(server.shutdown)
        cls.posts = posts
        # In braces of moonraker.conf's templates.
        cls.section = SECTION.replace("{port}", str(server.server_port)).replace("{{", "{").replace("}}", "}")
        super().setUpClass()

    async def post(self) -> Any:
        """Waits for what a notifier sends next."""
        return await asyncio.get_running_loop().run_in_executor(None, self.posts.get, True, TIMEOUT)

    async def test_a_notifier_gets_the_events_that_it_names_and_no_others(self) -> None:
        async with self.agent() as agent:
            gone = {"event": "timelapse_camera_gone", "message": "x", "facts": {"camera": "top"}}
            await agent.event(notice=gone)
            await agent.event(notice=READY)
            await agent.event(notice=FAILED)
            for notice in (READY, FAILED):
                path, body = await self.post()
                self.assertEqual("/films", path)
                self.assertEqual(notice["event"], body["title"])
                self.assertEqual("benchy.gcode: " + notice["message"], body["message"])
            # What went before has been seen by all of them.
            await agent.event(notice=READY)
            self.assertEqual("/films", (await self.post())[0])
        self.assertTrue(self.posts.empty())

    async def test_notices_arrive_in_the_order_in_which_they_were_told(self) -> None:
        messages = [f"{n} of 20" for n in range(20)]
        async with self.agent() as agent:
            for message in messages:
                await agent.event(notice={**READY, "message": message})
            arrived = [(await self.post())[1]["message"] for _ in messages]
        self.assertEqual([f"benchy.gcode: {message}" for message in messages], arrived)

    async def test_a_film_that_failed_is_announced_until_there_is_one(self) -> None:
        async def announced(browser: Any) -> List[Any]:
            found = await browser.call("server.announcements.list", include_dismissed=False)
            return [[e["title"], e["description"]] for e in found["entries"] if e["feed"] == "moonlapse"]

        async with self.browser() as browser, self.agent() as agent:
            for message in ("Once.", "Twice."):
                await agent.event(notice={**FAILED, "message": message})
                await browser.next("notify_announcement_update")
            while [["No timelapse of benchy.gcode", "Twice."]] != await announced(browser):
                await browser.next("notify_announcement_update")
            await agent.event(notice={**READY, "facts": {"filename": "other.gcode"}})
            await agent.event(notice=READY)
            while await announced(browser):
                await browser.next("notify_announcement_update")
        for _ in range(4):
            await self.post()
        self.assertNotIn("not announced", self.moonraker.log)

    async def test_a_notice_of_another_form_is_refused(self) -> None:
        async with self.agent() as agent:
            for notice in ("ready", {}, {**READY, "event": "complete"}, {**READY, "facts": None}):
                error = await self.refused(agent.event(notice=notice))
                self.assertIn("'notice' must have", str(error))
