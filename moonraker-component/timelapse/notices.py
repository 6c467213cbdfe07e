"""News of the agent for Moonraker's ``[notifier]`` sections and announcements.

Moonraker itself sends only the events of prints to notifiers, but takes any word in their option
``events``. A notifier that names one of ours gets it from here. A film that could not be made is
announced, too, because nobody may be there when a print ends; the announcement goes when somebody
dismisses it, or when there is a film of that print.
"""

# This file may be distributed under the terms of the GNU GPLv3 license.
from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, Dict, Set

if TYPE_CHECKING:
    from ...server import Server

READY = "timelapse_ready"
FAILED = "timelapse_failed"
EVENTS = (READY, FAILED, "timelapse_camera_gone", "timelapse_camera_back")

_FEED = "moonlapse"

# How long a notifier may take before the next one has its turn. Seconds.
_PATIENCE = 60.0


class Notices:
    """Hands news on. Nobody waits for the servers that notifiers talk to."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._tasks: Set[asyncio.Task[None]] = set()
        # A camera must not be told as back before it is told as gone.
        self._turn = asyncio.Lock()
        # Announcements that stand, by the printed file.
        self._announced: Dict[str, str] = {}

    def tell(self, notice: Any) -> None:
        """Takes a notice: ``event``, ``message``, a sentence, and ``facts``.

        Raises ``server.error`` when it is of another form.
        """
        event = notice.get("event") if isinstance(notice, dict) else None
        message = notice.get("message") if isinstance(notice, dict) else None
        facts = notice.get("facts") if isinstance(notice, dict) else None
        if event not in EVENTS or not isinstance(message, str) or not isinstance(facts, dict):
            raise self._server.error(
                "'notice' must have an 'event' of " + ", ".join(EVENTS) + ", 'message' and 'facts'."
            )
        self._start(self._notify(event, message, facts))
        if event in (READY, FAILED):
            self._start(self._announce(event, message, str(facts.get("filename", ""))))

    def close(self) -> None:
        """Ends what is under way."""
        for task in self._tasks:
            task.cancel()

    def _start(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _notify(self, event: str, message: str, facts: Dict[str, Any]) -> None:
        notifier = self._server.lookup_component("notifier", None)
        if notifier is None:
            return
        async with self._turn:
            for instance in list(notifier.notifiers.values()):
                # Not with "*": what such a section says is written for prints.
                if event not in instance.events:
                    continue
                try:
                    # Where Moonraker gives what was before and after, so that a section for its
                    # events and ours finds `event_args[1].filename` either way.
                    await asyncio.wait_for(instance.notify(event, [facts, facts], message), _PATIENCE)
                except Exception:
                    logging.exception(f"timelapse: [notifier {instance.get_name()}] failed")

    async def _announce(self, event: str, message: str, print_file: str) -> None:
        announcements = self._server.lookup_component("announcements", None)
        if announcements is None:
            return
        try:
            before = self._announced.pop(print_file, None)
            if before is not None:
                await announcements.remove_announcement(before)
            if event == FAILED:
                title = f"No timelapse of {print_file}" if print_file else "No timelapse"
                entry = announcements.add_internal_announcement(title, message, "", "normal", _FEED)
                self._announced[print_file] = entry["entry_id"]
        except Exception:
            # Dismissed meanwhile, or another version of Moonraker: it is in the agent's log, too.
            logging.info(f"timelapse: not announced: {message}", exc_info=True)
