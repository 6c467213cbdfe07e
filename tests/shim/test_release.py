"""The zip of a release, as Moonraker's update manager unpacks it. It fetches releases from GitHub alone, so what comes
before the unpacking is not tested here."""

from __future__ import annotations

import hashlib
import os
import pathlib
import subprocess
import tempfile
import unittest
from typing import List

from moonraker.components.update_manager.net_deploy import NetDeploy

from .harness import REPOSITORY


class Release(unittest.TestCase):
    """A release whose programs say their architecture."""

    def setUp(self) -> None:
        temp = tempfile.TemporaryDirectory(prefix="moonlapse-release-")
        self.addCleanup(temp.cleanup)
        self.folder = pathlib.Path(temp.name)
        self.zip = self.package("package", ["x86_64", "aarch64", "armv7", "armv6"])

    def package(self, name: str, architectures: List[str]) -> pathlib.Path:
        """Runs scripts/package and gives the zip."""
        out = self.folder / name
        options = ["--repository", "somebody/films", "--out", str(out)]
        for architecture in architectures:
            program = self.folder / architecture
            program.write_text(f"#!/bin/sh\necho {architecture} $*\n", encoding="utf-8")
            options += ["--binary", f"{architecture}={program}"]
        subprocess.run(
            [str(REPOSITORY / "scripts/package"), *options], check=True, stdout=subprocess.DEVNULL
        )
        return out / "moonlapse.zip"

    def unpack(self, path: pathlib.Path) -> None:
        """What Moonraker does with a zip that it has fetched."""
        deploy = NetDeploy.__new__(NetDeploy)
        deploy.path, deploy.persistent_files = path, []
        deploy._extract_release(self.folder / "persistent", self.zip)

    def run_on(self, machine: str, path: pathlib.Path) -> "subprocess.CompletedProcess[str]":
        """Runs the program on a machine of this kind, by a made-up uname."""
        uname = self.folder / "bin/uname"
        uname.parent.mkdir(exist_ok=True)
        uname.write_text(f"#!/bin/sh\necho {machine}\n", encoding="utf-8")
        uname.chmod(0o755)
        return subprocess.run(
            [str(path / "bin/moonlapse"), "run", "--log", "debug info"],
            env={"PATH": f"{uname.parent}:{os.environ['PATH']}"}, capture_output=True, text=True,
        )  # fmt: skip

    def test_an_update_replaces_what_was_there_and_can_be_run(self) -> None:
        path = self.folder / "moonlapse"
        (path / "bin").mkdir(parents=True)
        (path / "bin/left_over").touch()
        self.unpack(path)
        self.assertFalse((path / "bin/left_over").exists())
        for name in ("bin/moonlapse", "install.sh"):
            self.assertTrue(os.access(path / name, os.X_OK), name)
        # Services and links lead to these, whatever the version.
        for name in ("moonraker-component/timelapse/__init__.py", "klipper-macros/timelapse.cfg"):
            self.assertTrue((path / name).is_file(), name)

    def test_each_machine_gets_its_program(self) -> None:
        path = self.folder / "moonlapse"
        self.unpack(path)
        for machine, program in (
            ("x86_64", "x86_64"),
            ("aarch64", "aarch64"),
            ("armv7l", "armv7"),
            ("armv8l", "armv7"),
            ("armv6l", "armv6"),
        ):
            with self.subTest(machine):
                self.assertEqual(
                    f"{program} run --log debug info\n", self.run_on(machine, path).stdout
                )
        # A system of 32 bits below a 64-bit kernel, in a release that has no program of 64 bits.
        (path / "bin/moonlapse-aarch64").unlink()
        self.assertEqual("armv7", self.run_on("aarch64", path).stdout.split()[0])
        (path / "bin/moonlapse-armv7").unlink()
        self.assertEqual("armv6", self.run_on("armv7l", path).stdout.split()[0])

    def test_a_machine_without_a_program_is_told(self) -> None:
        path = self.folder / "moonlapse"
        self.unpack(path)
        done = self.run_on("riscv64", path)
        self.assertEqual(126, done.returncode)
        self.assertIn("no program for riscv64", done.stderr)

    def test_the_same_sources_make_the_same_zip(self) -> None:
        again = self.package("again", ["x86_64", "aarch64", "armv7", "armv6"])
        digests = [hashlib.sha256(path.read_bytes()).hexdigest() for path in (self.zip, again)]
        self.assertEqual(digests[0], digests[1])
