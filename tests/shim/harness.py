"""A real Moonraker with the component of this repository, and clients to talk to it."""

from __future__ import annotations

import asyncio
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import unittest
from types import TracebackType
from typing import Any, Awaitable, Callable, Dict, List, Optional, Self, Type

from tornado.websocket import WebSocketClientConnection, websocket_connect

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]

# Generous: the machine may be busy with other tests. Seconds.
TIMEOUT = 30.0

# The component is found beside Moonraker's own ones, without a file in Moonraker's folder.
_LAUNCH = """
import sys
import moonraker.components
moonraker.components.__path__.append(sys.argv.pop(1))
from moonraker.server import main
main()
"""

_CONF = """
[server]
host: 127.0.0.1
port: {port}
klippy_uds_address: {folder}/comms/klippy.sock

[machine]
provider: none
validate_service: False
validate_config: False

[authorization]
trusted_clients: 127.0.0.1
"""


class Moonraker:
    """Runs Moonraker with ``section`` in its moonraker.conf."""

    def __init__(self, section: str) -> None:
        self._temp = tempfile.TemporaryDirectory(prefix="moonlapse-shim-")
        self.folder = pathlib.Path(self._temp.name)
        self.port = _free_port()
        self.section = section
        self._process: Optional[subprocess.Popen[str]] = None
        self._log: List[str] = []
        (self.folder / "config").mkdir()

    def start(self) -> None:
        """Starts it, and waits until it listens."""
        conf = _CONF.format(port=self.port, folder=self.folder) + self.section
        (self.folder / "config/moonraker.conf").write_text(conf, encoding="utf-8")
        (self.folder / "comms").mkdir(exist_ok=True)
        self._process = subprocess.Popen(
            [
                sys.executable, "-c", _LAUNCH, str(REPOSITORY / "moonraker-component"),
                "-d", str(self.folder), "-n",
            ],
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "HOME": str(self.folder)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )  # fmt: skip
        listening = threading.Event()
        threading.Thread(target=self._follow, args=(self._process, listening), daemon=True).start()
        if not listening.wait(TIMEOUT) or self._process.poll() is not None:
            self.stop()
            raise AssertionError("Moonraker did not start:\n" + self.log)
        # It says so just before it listens; an answer comes only after that step.
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(TIMEOUT)
            probe.connect(str(self.folder / "comms/moonraker.sock"))
            probe.sendall(b'{"jsonrpc":"2.0","method":"server.info","id":1}\x03')
            probe.recv(1)

    def stop(self) -> None:
        """Stops it as systemd does."""
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(TIMEOUT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def close(self) -> None:
        """Stops it and removes its folder."""
        self.stop()
        self._temp.cleanup()

    @property
    def log(self) -> str:
        """All that it logged."""
        return "".join(self._log)

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    def _follow(self, process: subprocess.Popen[str], listening: threading.Event) -> None:
        assert process.stdout is not None
        with process.stdout:
            for line in process.stdout:
                self._log.append(line)
                if "Starting Moonraker on" in line:
                    listening.set()
        # Also at the end, so that nobody waits for a Moonraker that is gone.
        listening.set()


class MoonrakerTest(unittest.IsolatedAsyncioTestCase):
    """Tests that share one Moonraker, with ``section`` in its moonraker.conf."""

    section = "[timelapse]\noutput_path: ~/films\nframe_path: ~/frames\n"
    moonraker: Moonraker

    @classmethod
    def setUpClass(cls) -> None:
        cls.moonraker = Moonraker(cls.section)
        cls.prepare(cls.moonraker.folder)
        cls.addClassCleanup(cls.moonraker.close)
        cls.moonraker.start()

    @classmethod
    def prepare(cls, folder: pathlib.Path) -> None:
        """Makes what Moonraker is to find in its folder."""

    def browser(self, name: str = "mainsail") -> Browser:
        """A user interface, to be used with ``async with``."""
        return Browser(self.moonraker, name)

    def agent(self, name: str = "moonlapse") -> Agent:
        """The place of the agent, to be used with ``async with``."""
        return Agent(self.moonraker, name)

    async def refused(self, call: Awaitable[Any]) -> RpcError:
        """The error of a call that must fail with a code of 400 to 499, never with 503."""
        with self.assertRaises(RpcError) as caught:
            await call
        self.assertIn(caught.exception.code, range(400, 500))
        return caught.exception


class RpcError(Exception):
    """An error that Moonraker answered."""

    def __init__(self, error: Dict[str, Any]) -> None:
        super().__init__(error["message"])
        self.code: int = error["code"]


class Client:
    """A client of Moonraker that speaks JSON-RPC. Answers calls of Moonraker if told how."""

    def __init__(self, name: str, kind: str = "web") -> None:
        self._name = name
        self._kind = kind
        self._ids = 0
        self._answers: Dict[int, asyncio.Future[Any]] = {}
        self._reader: Optional[asyncio.Task[None]] = None
        self._open_call: Any = None
        self._notified = asyncio.Condition()
        self.notifications: List[Dict[str, Any]] = []
        self.methods: Dict[str, Callable[[Any], Any]] = {}

    async def __aenter__(self) -> Self:
        await self._open()
        self._reader = asyncio.create_task(self._read())
        await self.call(
            "server.connection.identify",
            client_name=self._name, version="1", type=self._kind, url="http://127.0.0.1",
        )  # fmt: skip
        return self

    async def __aexit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        assert self._reader is not None
        self._reader.cancel()
        await asyncio.gather(self._reader, return_exceptions=True)
        await asyncio.wait_for(self._close(), TIMEOUT)

    async def call(self, method: str, **params: Any) -> Any:
        """Calls a method and returns its result. Raises ``RpcError``."""
        return await self._send_and_wait({"method": method, "params": params})

    async def next(self, method: str) -> Any:
        """Waits for the next notification of this name and returns its params."""

        def found() -> Optional[Dict[str, Any]]:
            return next((n for n in self.notifications if n["method"] == method), None)

        async with self._notified:
            await asyncio.wait_for(self._notified.wait_for(found), TIMEOUT)
        notification = found()
        assert notification is not None
        self.notifications.remove(notification)
        return notification.get("params")

    async def call_without_params(self, method: str) -> Any:
        """Calls a method with no ``params`` in the message."""
        return await self._send_and_wait({"method": method})

    async def until(self, holds: Callable[[], bool], what: str) -> None:
        """Waits for notifications until something holds."""
        async with self._notified:
            try:
                await asyncio.wait_for(self._notified.wait_for(holds), TIMEOUT)
            except asyncio.TimeoutError:
                raise AssertionError(f"{self._name} waited in vain for {what}") from None

    def notified(self, message: Dict[str, Any]) -> None:
        """Sees each notification as it comes."""

    async def next_event(self) -> Dict[str, Any]:
        """Waits for the next timelapse event."""
        (event,) = await self.next("notify_timelapse_event")
        return event

    async def _send_and_wait(self, request: Dict[str, Any]) -> Any:
        self._ids += 1
        answer = self._answers[self._ids] = asyncio.get_running_loop().create_future()
        await self._send({"jsonrpc": "2.0", **request, "id": self._ids})
        return await asyncio.wait_for(answer, TIMEOUT)

    async def _read(self) -> None:
        while True:
            message = json.loads(await self._receive())
            if "method" not in message:
                answer = self._answers.pop(message["id"])
                if "error" in message:
                    answer.set_exception(RpcError(message["error"]))
                else:
                    answer.set_result(message["result"])
            elif "id" in message:
                await self._serve(message)
            else:
                async with self._notified:
                    self.notified(message)
                    self.notifications.append(message)
                    self._notified.notify_all()

    async def _serve(self, request: Dict[str, Any]) -> None:
        method = self.methods.get(request["method"])
        if method is None:
            # Left open: a slow agent.
            self._open_call = request["id"]
            async with self._notified:
                self.notifications.append(request)
                self._notified.notify_all()
            return
        answer = {"jsonrpc": "2.0", "id": request["id"]}
        try:
            answer["result"] = method(request.get("params"))
        except ValueError as problem:
            answer["error"] = {"code": -32000, "message": str(problem)}
        await self._send(answer)

    async def _open(self) -> None:
        raise NotImplementedError

    async def _close(self) -> None:
        raise NotImplementedError

    async def _send(self, message: Dict[str, Any]) -> None:
        raise NotImplementedError

    async def _receive(self) -> str:
        raise NotImplementedError


class Browser(Client):
    """Mainsail or Fluidd, on a websocket."""

    def __init__(self, moonraker: Moonraker, name: str = "mainsail") -> None:
        super().__init__(name)
        self._port = moonraker.port
        self._socket: Optional[WebSocketClientConnection] = None

    async def _open(self) -> None:
        self._socket = await websocket_connect(f"ws://127.0.0.1:{self._port}/websocket")

    async def _close(self) -> None:
        assert self._socket is not None
        self._socket.close()
        while await self._socket.read_message() is not None:
            pass

    async def _send(self, message: Dict[str, Any]) -> None:
        assert self._socket is not None
        await self._socket.write_message(json.dumps(message))

    async def _receive(self) -> str:
        assert self._socket is not None
        message = await self._socket.read_message()
        if not isinstance(message, str):
            raise ConnectionError("Moonraker closed the websocket")
        return message


class Agent(Client):
    """The place of Moonlapse's agent, on the unix socket."""

    def __init__(self, moonraker: Moonraker, name: str = "moonlapse") -> None:
        super().__init__(name, "agent")
        self._path = moonraker.folder / "comms/moonraker.sock"

    async def event(self, **params: Any) -> Any:
        """Sends an event as the agent does."""
        return await self.call("machine.timelapse.agent.event", **params)

    async def answer_late(self, result: Any) -> None:
        """Answers the call that was left open last."""
        await self._send({"jsonrpc": "2.0", "id": self._open_call, "result": result})

    async def _open(self) -> None:
        self._stream, self._writer = await asyncio.open_unix_connection(
            str(self._path), limit=1 << 24
        )

    async def _close(self) -> None:
        # Moonraker closes its side when it has seen the end: its name is free again then.
        self._writer.write_eof()
        await self._stream.read()
        self._writer.close()
        await self._writer.wait_closed()

    async def _send(self, message: Dict[str, Any]) -> None:
        self._writer.write(json.dumps(message).encode() + b"\x03")
        await self._writer.drain()

    async def _receive(self) -> str:
        return (await self._stream.readuntil(b"\x03"))[:-1].decode()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
