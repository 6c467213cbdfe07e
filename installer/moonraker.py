"""Asks the running Moonraker. Called by install.sh: moonraker.py SOCKET QUESTION.

print-state: prints the state of the print. restart-klipper: has Klipper read its settings again.
restore-settings: undoes what the component wrote into the database.
Fails when Moonraker does not run.
"""

import json
import socket
import sys
from typing import Any

# Seconds.
TIMEOUT = 10

# As in moonraker-component/timelapse/store.py.
NAMESPACE, KEY, OURS, BEFORE = "timelapse", "config", "moonlapse", "before_moonlapse"


class Refused(Exception):
    """Moonraker's answer was an error."""


class Moonraker:
    """A connection to Moonraker's unix socket."""

    def __init__(self, path: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(TIMEOUT)
        self._socket.connect(path)
        self._received = b""

    def call(self, method: str, **params: Any) -> Any:
        """Calls a method and gives its result. Raises ``Refused``."""
        request = {"jsonrpc": "2.0", "method": method, "params": params, "id": 1}
        self._socket.sendall(json.dumps(request).encode() + b"\x03")
        while True:
            message = json.loads(self._next())
            # Notifications are for others.
            if message.get("id") == 1:
                if "error" in message:
                    raise Refused(message["error"].get("message"))
                return message["result"]

    def _next(self) -> bytes:
        while b"\x03" not in self._received:
            more = self._socket.recv(1 << 16)
            if not more:
                raise OSError("Moonraker has closed the connection")
            self._received += more
        message, self._received = self._received.split(b"\x03", 1)
        return message


def print_state(moonraker: Moonraker) -> None:
    """Prints ``printing``, ``paused`` and so on; ``none`` while Klipper is not ready."""
    try:
        answer = moonraker.call("printer.objects.query", objects={"print_stats": ["state"]})
        print(answer["status"]["print_stats"]["state"])
    except Refused:
        print("none")


def restart_klipper(moonraker: Moonraker) -> None:
    """As the command RESTART."""
    try:
        moonraker.call("printer.restart")
    except Refused as problem:
        # Klipper does not run: it reads its settings when it starts.
        print(problem, file=sys.stderr)


def restore_settings(moonraker: Moonraker) -> None:
    """Puts the settings of moonraker-timelapse back; without any, leaves none."""
    try:
        record = moonraker.call("server.database.get_item", namespace=NAMESPACE)["value"]
    except Refused:
        return
    if BEFORE in record:
        moonraker.call(
            "server.database.post_item", namespace=NAMESPACE, key=KEY, value=record[BEFORE]
        )
        moonraker.call("server.database.delete_item", namespace=NAMESPACE, key=BEFORE)
    elif OURS in record.get(KEY, {}):
        moonraker.call("server.database.delete_item", namespace=NAMESPACE, key=KEY)


QUESTIONS = {
    "print-state": print_state,
    "restart-klipper": restart_klipper,
    "restore-settings": restore_settings,
}


def main() -> None:
    _, path, question = sys.argv
    try:
        QUESTIONS[question](Moonraker(path))
    except (OSError, Refused, ValueError) as problem:
        sys.exit(f"{path}: {problem}")


if __name__ == "__main__":
    main()
