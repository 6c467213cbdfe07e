"""The endpoints that the user interfaces and the agent call, and the event that they get."""

# This file may be distributed under the terms of the GNU GPLv3 license.
from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Dict, Iterator, Optional

from ...common import RequestType, TransportType
from . import clients, folders, history, notices, schema
from .agent import AgentLink
from .annotator import Annotator
from .settings import Settings, read_conf
from .store import Store

if TYPE_CHECKING:
    from ...common import BaseRemoteConnection, WebRequest
    from ...confighelper import ConfigHelper

_EVENT = "timelapse:timelapse_event"

# Statuses of a film in the making, after which the user interfaces show its progress.
_RENDERING = ("started", "running")
# Statuses that Fluidd knows. It drops any other one, and shows "rendering" until the next frame.
_KNOWN_TO_FLUIDD = (*_RENDERING, "success")


class Timelapse:
    """The component. It answers from memory; the agent does the work."""

    def __init__(self, config: ConfigHelper) -> None:
        self._server = server = config.get_server()
        options = schema.load()
        fixed = read_conf(config, options)
        self._settings = Settings(options, fixed)
        self._paths = folders.register(server, options, self._settings.all())
        self._store = Store(server, self._settings)
        self._agent = AgentLink(server, self._all_settings)
        self._annotator = Annotator(server)
        self._last_frame: Dict[str, Any] = {"framecount": 0, "lastframefile": ""}
        self._rendering = False
        self._history = history.Note(server)
        self._notices = notices.Notices(server)

        register = server.register_endpoint
        register(
            "/machine/timelapse/settings",
            RequestType.GET | RequestType.POST,
            self._handle_settings,
        )
        register("/machine/timelapse/lastframeinfo", RequestType.GET, self._handle_last_frame)
        register("/machine/timelapse/render", RequestType.POST, self._handle_render)
        register("/machine/timelapse/saveframes", RequestType.POST, self._handle_save_frames)
        register(
            "/machine/timelapse/agent/event",
            RequestType.POST,
            self._handle_agent_event,
            transports=TransportType.WEBSOCKET,
        )
        register(
            "/machine/timelapse/agent/annotator",
            RequestType.POST,
            self._handle_annotator,
            transports=TransportType.WEBSOCKET,
        )
        server.register_notification(_EVENT)
        server.register_event_handler("server:klippy_ready", self._refresh)
        server.register_event_handler("websockets:client_removed", self._client_removed)

    def close(self) -> None:
        """Called by Moonraker when it stops."""
        self._agent.close()
        self._notices.close()

    async def _handle_settings(self, request: WebRequest) -> Dict[str, Any]:
        connection = request.get_client_connection()
        client = clients.name_of(connection)
        if request.get_request_type() == RequestType.POST:
            with self._errors_shown(connection):
                await self._change(clients.meant_by(client, request.get_args()))
        else:
            await self._refresh()
        if self._agent.is_agent(connection):
            return {**self._settings.visible(), **self._all_settings()}
        webcams = self._server.lookup_component("webcam").get_webcams().values()
        return clients.in_words_of(client, self._settings.visible(), webcams)

    async def _handle_last_frame(self, request: WebRequest) -> Dict[str, Any]:
        return self._last_frame

    async def _handle_render(self, request: WebRequest) -> Any:
        with self._errors_shown(request.get_client_connection()):
            return await self._agent.call("timelapse.render", "make the film")

    async def _handle_save_frames(self, request: WebRequest) -> Any:
        with self._errors_shown(request.get_client_connection()):
            return await self._agent.call("timelapse.saveframes", "save the frames")

    async def _handle_agent_event(self, request: WebRequest) -> str:
        if not self._agent.is_agent(request.get_client_connection()):
            raise self._server.error("Only the agent of Moonlapse sends timelapse events.", 403)
        event, last_frame = request.get("event", None), request.get("lastframe", None)
        if event is not None and not isinstance(event, dict):
            raise self._server.error("'event' must be an object or null.")
        if last_frame is not None:
            self._last_frame = self._checked_last_frame(last_frame)
            summary = last_frame.get("summary")
            if isinstance(summary, str):
                self._history.write(summary)
        notice = request.get("notice", None)
        if notice is not None:
            self._notices.tell(notice)
        if event is not None:
            self._relay(event)
        return "ok"

    async def _handle_annotator(self, request: WebRequest) -> str:
        if not self._agent.is_agent(request.get_client_connection()):
            raise self._server.error("Only the agent of Moonlapse has uploads annotated.", 403)
        if request.get_boolean("enabled"):
            self._annotator.start()
        else:
            self._annotator.stop()
        return "ok"

    @contextmanager
    def _errors_shown(self, connection: Optional[BaseRemoteConnection]) -> Iterator[None]:
        """Sees to it that whoever called sees why it was refused."""
        try:
            yield
        except self._server.error as problem:
            clients.show_error(connection, str(problem))
            raise

    async def _change(self, args: Dict[str, Any]) -> None:
        try:
            changed = self._settings.change(args)
        except schema.BadValue as problem:
            raise self._server.error(str(problem)) from None
        if changed:
            self._agent.settings_changed()
            await self._store.save(changed)

    async def _refresh(self) -> None:
        try:
            changed = await self._store.refresh()
        except Exception:
            # An error instead of the settings would take the timelapse pages away.
            logging.exception("timelapse: the settings could not be read from the database")
            return
        if changed:
            self._agent.settings_changed()

    def _relay(self, event: Dict[str, Any]) -> None:
        """Sends an event to the user interfaces."""
        self._server.send_event(_EVENT, event)
        if event.get("action") != "render":
            return
        self._rendering = event.get("status") in _RENDERING
        if event.get("status") not in _KNOWN_TO_FLUIDD:
            self._server.send_event(
                _EVENT,
                {
                    "action": "newframe",
                    "status": "success",
                    "frame": str(self._last_frame["framecount"]),
                    "framefile": self._last_frame["lastframefile"],
                },
            )

    def _client_removed(self, connection: BaseRemoteConnection) -> None:
        """Ends what only the agent could go on with, when it went away."""
        if not self._agent.was_agent(connection):
            return
        self._annotator.stop()
        if self._rendering:
            self._relay(
                {
                    "action": "render",
                    "status": "error",
                    "msg": "Moonlapse stopped while it made the film. "
                    "It finishes the film when it runs again.",
                }
            )

    def _checked_last_frame(self, last_frame: Any) -> Dict[str, Any]:
        count = last_frame.get("framecount") if isinstance(last_frame, dict) else None
        name = last_frame.get("lastframefile") if isinstance(last_frame, dict) else None
        if not isinstance(count, int) or not isinstance(name, str):
            raise self._server.error(
                "'lastframe' must be null or an object with 'framecount' and 'lastframefile'."
            )
        return {"framecount": count, "lastframefile": name}

    def _all_settings(self) -> Dict[str, Any]:
        return {**self._settings.all(), **self._paths}
