"""Several printers, and printers of other users."""

from __future__ import annotations

import os
import pathlib
import pwd
import shutil
import unittest

from .home import MOONRAKER, Home, write


class Several(Home):
    """Several printers on one host, as KIAUH makes them."""

    def setUp(self) -> None:
        super().setUp()
        self.first = self.add_printer("printer_1_data")
        self.second = self.add_printer("printer_voron_data")
        shutil.rmtree(self.data)
        for data in (self.first, self.second):
            write(data / "config/moonraker.conf", MOONRAKER + "[update_manager]\n")

    def test_each_printer_has_its_own(self) -> None:
        self.install()
        for data, name, port in ((self.first, "moonlapse-1", 7191), (self.second, "moonlapse-voron", 7192)):
            with self.subTest(name):
                unit = (self.units / f"{name}.service").read_text()
                self.assertIn(f'run --data-path "{data}"\n', unit)
                self.assertIn(f"{name}\n", (data / "moonraker.asvc").read_text())
                conf = (data / "config/moonraker.conf").read_text()
                self.assertIn(f"output_path: {data}/timelapse/\n", conf)
                self.assertIn(f"frame_path: {data}/timelapse_frames/\nweb_port: {port}\n", conf)
                self.assertTrue((data / "config/timelapse.cfg").is_symlink())
        self.assertEqual("", self.git_status())

    def test_updates_restart_the_service_of_their_own_printer(self) -> None:
        self.as_release()
        self.install()
        conf = (self.second / "config/moonraker.conf").read_text()
        self.assertIn("[update_manager moonlapse-voron]\n", conf)
        self.assertIn("managed_services: moonlapse-voron moonraker\n", conf)

    def test_a_section_that_shares_the_frames_gets_its_own_folder(self) -> None:
        write(self.first / "config/moonraker.conf", MOONRAKER + "[timelapse]\nmode: layermacro\n")
        before = self.tree()
        self.install()
        conf = (self.first / "config/moonraker.conf").read_text()
        self.assertIn(f"[timelapse]\nframe_path: {self.first}/timelapse_frames/ # moonlapse\n", conf)
        self.assertIn("\nweb_port: 7191 # moonlapse\n", conf)
        # The films that are there stay on its page.
        self.assertNotIn("output_path", conf)
        self.assertIn("Nothing to change", self.install())
        self.uninstall()
        self.assertEqual(before, self.tree())

    def test_one_can_be_chosen(self) -> None:
        before = self.tree(self.second)
        self.install("--data", str(self.first))
        self.assertEqual(before, self.tree(self.second))
        self.assertEqual(["moonlapse-1.service"], [unit.name for unit in self.units.iterdir()])

    def test_what_they_share_goes_with_the_last(self) -> None:
        before = self.tree()
        self.install()
        said = self.uninstall("--data", str(self.first))
        self.assertIn(f"stays for {self.second}", said)
        self.assertTrue((self.components / "timelapse").is_symlink())
        self.assertTrue((self.program / "bin/moonlapse").exists())
        self.assertEqual(["moonlapse-voron.service"], [unit.name for unit in self.units.iterdir()])
        self.uninstall("--data", str(self.second))
        self.assertEqual(before, self.tree())


@unittest.skipUnless(os.getuid() == 0, "needs root")
class AsRoot(Home):
    """Root installs for the owner of the printer's data."""

    def setUp(self) -> None:
        super().setUp()
        self.owner = pwd.getpwnam("nobody")
        self.give(self.home)

    def give(self, folder: pathlib.Path) -> None:
        """Makes a folder and what is in it the owner's."""
        for path in (folder, *folder.rglob("*")):
            os.chown(path, self.owner.pw_uid, self.owner.pw_gid, follow_symlinks=False)

    def test_what_is_made_is_the_owners(self) -> None:
        options = ("--data", str(self.data), "--moonraker", str(self.moonraker))
        before = self.tree()
        self.install(*options)
        for path in self.home.rglob("*"):
            self.assertEqual(self.owner.pw_uid, path.lstat().st_uid, path)
        self.assertIn("User=nobody\n", self.unit.read_text())
        self.assertIn("Nothing to change", self.install(*options))
        self.uninstall(*options)
        self.assertEqual(before, self.tree())

    def test_the_owner_installs_without_root(self) -> None:
        # Where services are described, the owner may write here: no sudo.
        self.give(self.units)
        user = (f"--reuid={self.owner.pw_uid}", f"--regid={self.owner.pw_gid}", "--clear-groups")
        self.runner = ("setpriv", *user, "bash")
        before = self.tree()
        self.install()
        self.assertIn("User=nobody\n", self.unit.read_text())
        self.assertIn("Nothing to change", self.install())
        self.uninstall()
        self.assertEqual(before, self.tree())
