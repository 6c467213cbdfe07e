"""Calls to the agent, which is connected to Moonraker as the agent ``moonlapse``."""

# This file may be distributed under the terms of the GNU GPLv3 license.
from __future__ import annotations

import asyncio
import pathlib
import re
from typing import TYPE_CHECKING, Any, Callable, Dict, Mapping, Optional

from ...utils.exceptions import AgentError

if TYPE_CHECKING:
    from ...common import BaseRemoteConnection
    from ...server import Server
    from ..extensions import ExtensionManager

AGENT_NAME = "moonlapse"

# Both user interfaces show a spinner until the answer is there. Seconds.
_CALL_TIMEOUT = 5.0

# A user interface sends one request per key stroke; the agent gets one message for all of them.
# Seconds.
_SETTINGS_DELAY = 0.25

# Never 503: Fluidd takes that for a failure of the printer.
_UNAVAILABLE = 424
_REFUSED = 400

_ABSENT = (
    "Moonlapse is not running, so it cannot {what}. "
    "Start it with 'sudo systemctl start {service}' and try again."
)
_SLOW = (
    "Moonlapse did not answer within {seconds:g} seconds when asked to {what}. "
    "Try again, and look at 'journalctl -u {service}' if it happens again."
)
_UNEXPLAINED = (
    "Moonlapse could not {what}, and gave no reason. See 'journalctl -u {service}'."
)


class AgentLink:
    """The way from Moonraker to the agent."""

    def __init__(self, server: Server, settings: Callable[[], Mapping[str, Any]]) -> None:
        self._server = server
        self._settings = settings
        self._service = service_of(server.get_app_args()["data_path"])
        self._pending_settings: Optional[asyncio.TimerHandle] = None

    def is_agent(self, connection: Optional[BaseRemoteConnection]) -> bool:
        """Whether this is the connection of the agent."""
        return connection is not None and connection is self._connection()

    @staticmethod
    def was_agent(connection: BaseRemoteConnection) -> bool:
        """Whether this connection, which ended, was the one of the agent."""
        client = connection.client_data
        return client["name"] == AGENT_NAME and client["type"] == "agent"

    async def call(self, method: str, what: str) -> Any:
        """Calls a method of the agent and returns its answer.

        ``what`` completes the sentence "it cannot ..." of the errors, which are all 4xx.
        """
        connection = self._connection()
        if connection is None:
            raise self._absent(what)
        answer = asyncio.ensure_future(connection.call_method_with_response(method))
        try:
            # Not wait_for: it would cancel the future, and a late answer or the end of the
            # connection would then fail inside Moonraker, which never forgets the agent.
            done, _ = await asyncio.wait([answer], timeout=_CALL_TIMEOUT)
        finally:
            connection.pending_responses.pop(id(answer), None)
        if not done:
            slow = _SLOW.format(what=what, seconds=_CALL_TIMEOUT, service=self._service)
            raise self._server.error(slow, _UNAVAILABLE)
        try:
            return answer.result()
        except AgentError as problem:
            raise self._server.error(self._reason(problem, what), _REFUSED) from None
        except self._server.error:
            # The connection ended before the answer.
            raise self._absent(what) from None

    def settings_changed(self) -> None:
        """Tells the agent about the settings, soon, once for any number of changes."""
        if self._pending_settings is None:
            self._pending_settings = self._server.get_event_loop().delay_callback(
                _SETTINGS_DELAY, self._send_settings
            )

    def close(self) -> None:
        """Forgets what was not sent yet: the agent asks for the settings when it connects."""
        if self._pending_settings is not None:
            self._pending_settings.cancel()
            self._pending_settings = None

    def _send_settings(self) -> None:
        self._pending_settings = None
        connection = self._connection()
        if connection is not None:
            params: Dict[str, Any] = {"settings": dict(self._settings())}
            connection.call_method("timelapse.settings_changed", params)

    def _connection(self) -> Optional[BaseRemoteConnection]:
        extensions: ExtensionManager = self._server.lookup_component("extensions")
        return extensions.agents.get(AGENT_NAME)

    def _absent(self, what: str) -> Exception:
        return self._server.error(_ABSENT.format(what=what, service=self._service), _UNAVAILABLE)

    def _reason(self, problem: AgentError, what: str) -> str:
        """The sentence that the agent gave for its refusal."""
        data = problem.error_data
        if isinstance(data, dict) and data.get("message"):
            return str(data["message"])
        return _UNEXPLAINED.format(what=what, service=self._service)


def service_of(data_path: str) -> str:
    """The service of the agent for the printer with this data folder, as install.sh names it."""
    folder = pathlib.Path(data_path).name
    found = re.fullmatch(r"printer(?:_(.+))?_data", folder)
    name = found.group(1) if found else re.sub(r"[^A-Za-z0-9_-]", "-", folder)
    return f"moonlapse-{name}" if name else "moonlapse"
