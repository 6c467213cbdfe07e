"""A home with printers, made up of a few files, and an installer in a folder of its own."""

from __future__ import annotations

import json
import os
import pathlib
import shutil
import socketserver
import subprocess
import tempfile
import threading
import unittest
from typing import Dict, List, Optional, Tuple

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]

PRINTER = "[printer]\nkinematics: none\n\n#*# <---------------------- SAVE_CONFIG ---\n#*# x\n"
MOONRAKER = "[server]\nport: 7125\n"


class Home(unittest.TestCase):
    """A user with one printer in printer_data; more with ``add_printer``."""

    # What runs the installer.
    runner: Tuple[str, ...] = ("bash",)
    # Which service it makes when a test does not say.
    kind: Tuple[str, ...] = ("--service", "system")

    def setUp(self) -> None:
        temp = tempfile.TemporaryDirectory(prefix="moonlapse-install-")
        self.addCleanup(temp.cleanup)
        root = pathlib.Path(temp.name).resolve()
        # Another user must get in, when a test makes one.
        root.chmod(0o755)
        self.root, self.home, self.source = root, root / "home", root / "source"
        self.units = root / "units"
        self.units.mkdir()
        self.moonraker = self.home / "moonraker"
        self.components = self.moonraker / "moonraker/components"
        write(self.components / "__init__.py", "")
        write(self.moonraker / "moonraker/assets/default_allowed_services", "klipper_mcu\n")
        self.git("init", "-q")
        self.git("add", ".")
        self.git("commit", "-q", "-m", "x")

        self.data = self.add_printer("printer_data")
        self.macros = self.data / "config/timelapse.cfg"
        self.unit = self.units / "moonlapse.service"
        self.program = self.home / ".moonlapse/program"
        self.command = self.home / ".local/bin/moonlapse"

        self.source.mkdir()
        shutil.copy(REPOSITORY / "install.sh", self.source)
        shutil.copytree(
            REPOSITORY / "installer",
            self.source / "installer",
            ignore=shutil.ignore_patterns("__pycache__"),
        )
        write(self.source / "klipper-macros/timelapse.cfg", "# macros\n")
        write(self.source / "moonraker-component/timelapse/__init__.py", "")
        self.binary = root / "built"
        write(self.binary, "#!/bin/sh\n", 0o755)

        # Systemd is not asked: a made-up systemctl stands in for it.
        self.calls = root / "systemctl"
        write(self.calls, "", 0o666)
        write(root / "path/systemctl", f'#!/bin/sh\necho "$@" >>{self.calls}\n', 0o755)
        self.environment = {
            "HOME": str(self.home),
            "PATH": f"{root / 'path'}:{os.environ['PATH']}",
            "LC_ALL": "C",
            "MOONLAPSE_UNITS": str(self.units),
        }

    def add_printer(self, name: str) -> pathlib.Path:
        """A printer whose Moonraker is that of the home."""
        data = self.home / name
        # No Moonraker of a test must be left to write into the folders of this machine.
        conf = f"{MOONRAKER}\n[update_manager]\n\n[timelapse]\noutput_path: {data}/films\nframe_path: {data}/frames\n"
        write(data / "config/moonraker.conf", conf)
        write(data / "config/printer.cfg", PRINTER)
        write(data / "moonraker.asvc", "klipper\nmoonraker\n")
        return data

    def as_release(self) -> pathlib.Path:
        """Makes the source a release, and gives its folder."""
        info = {"project_name": "films", "project_owner": "somebody", "version": "v1.0.0"}
        write(self.source / "release_info.json", json.dumps(info))
        write(self.source / "system-dependencies.json", "{}")
        # As unpacked by a program that knows no modes.
        write(self.source / "bin/moonlapse", "#!/bin/sh\n", 0o644)
        return self.source

    def run_it(
        self, *options: str, answer: Optional[str] = None, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        service = () if "--service" in options or "--no-systemd" in options else self.kind
        return subprocess.run(
            [*self.runner, str(self.source / "install.sh"), *service, *options],
            env={**self.environment, **environment},
            input=answer, text=True, capture_output=True, timeout=120, cwd="/",
        )  # fmt: skip

    def install(self, *options: str) -> str:
        binary = () if (self.source / "bin").exists() else ("--binary", str(self.binary))
        done = self.run_it(*binary, "--yes", *options)
        self.assertEqual((0, ""), (done.returncode, done.stderr))
        return done.stdout

    def uninstall(self, *options: str) -> str:
        done = self.run_it("--uninstall", "--yes", *options)
        self.assertEqual((0, ""), (done.returncode, done.stderr))
        return done.stdout

    def refused(self, *options: str, answer: Optional[str] = None, **environment: str) -> str:
        done = self.run_it(*options, answer=answer, **environment)
        self.assertNotEqual(0, done.returncode, done.stdout)
        return done.stderr

    def tree(self, folder: Optional[pathlib.Path] = None) -> Dict[str, str]:
        """All that is in the home, empty folders too, with modes, owners and contents."""
        found = {}
        for at, folders, files in os.walk(folder or self.home):
            for name in files + folders:
                path = pathlib.Path(at, name)
                status = path.lstat()
                text = f"{status.st_mode:o} {status.st_uid} "
                if path.is_symlink():
                    text += f"-> {os.readlink(path)}"
                elif path.is_file():
                    text += path.read_text(encoding="utf-8", errors="replace")
                # Git looks at it, and writes what it saw.
                if path != self.moonraker / ".git/index":
                    found[str(path)] = text
        return found

    def add_running_moonraker(self) -> List[str]:
        """Has something answer on the socket as a Moonraker that prints nothing. Gives the methods that are called."""
        write(
            self.units / "moonraker.service", f"[Service]\nExecStart=moonraker -d {self.data}\n"
        )
        called: List[str] = []

        class Answers(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                text = b""
                while (byte := self.rfile.read(1)) not in (b"", b"\x03"):
                    text += byte
                called.append(json.loads(text)["method"])
                answer = {"id": 1, "result": {"status": {"print_stats": {"state": "standby"}}, "value": {}}}
                self.wfile.write(json.dumps(answer).encode() + b"\x03")

        socket = self.data / "comms/moonraker.sock"
        socket.parent.mkdir()
        server = socketserver.UnixStreamServer(str(socket), Answers)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        self.addCleanup(server.server_close)
        self.addCleanup(thread.join)
        self.addCleanup(server.shutdown)
        return called

    def git(self, *arguments: str) -> str:
        """Runs git on Moonraker's checkout."""
        who = ["-c", "user.name=t", "-c", "user.email=t@localhost", "-c", "safe.directory=*"]
        return subprocess.run(
            ["git", *who, "-C", str(self.moonraker), *arguments],
            check=True, capture_output=True, text=True,
        ).stdout  # fmt: skip

    def git_status(self) -> str:
        return self.git("status", "--porcelain", "--untracked-files=all")

    def systemctl_calls(self) -> List[str]:
        """How systemctl was called, without the questions."""
        calls = self.calls.read_text().splitlines()
        return [call for call in calls if not call.startswith("is-enabled")]


class Plugin(Home):
    """With moonraker-timelapse in place, as its installer and MainsailOS leave it."""

    updates = (
        "[update_manager timelapse]\ntype: git_repo\nprimary_branch: main\n"
        "path: ~/moonraker-timelapse\n\n# Somebody else's\n"
    )

    def setUp(self) -> None:
        super().setUp()
        self.plugin = self.home / "moonraker-timelapse"
        write(self.plugin / "component/timelapse.py", "# timelapse_frames\n")
        write(self.plugin / "klipper_macro/timelapse.cfg", "[gcode_macro TIMELAPSE_TAKE_FRAME]\n")
        (self.components / "timelapse.py").symlink_to(self.plugin / "component/timelapse.py")
        self.macros.symlink_to(self.plugin / "klipper_macro/timelapse.cfg")
        self.conf = self.data / "config/moonraker.conf"
        write(self.conf, self.conf.read_text() + "\n" + self.updates + "[announcements]\n")
        write(self.data / "config/printer.cfg", "[include *.cfg]\n[include timelapse.cfg]\n" + PRINTER)


def write(path: pathlib.Path, text: str, mode: Optional[int] = None) -> None:
    """Writes a file and makes its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    if mode is not None:
        path.chmod(mode)
