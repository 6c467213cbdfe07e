"""The way back, and moonraker-timelapse, which is replaced and comes back."""

from __future__ import annotations

import shutil

from .home import MOONRAKER, PRINTER, Home, Plugin, write


class Uninstall(Home):
    """The way back."""

    def test_the_home_is_as_it_was(self) -> None:
        before = self.tree()
        self.install()
        self.assertNotEqual(before, self.tree())
        self.uninstall()
        self.assertEqual(before, self.tree())
        self.assertEqual("", self.git_status())
        self.assertEqual([], list(self.units.iterdir()))
        self.assertIn("disable --quiet --now moonlapse", self.systemctl_calls())

    def test_each_byte_is_as_it_was(self) -> None:
        write(self.data / "config/moonraker.conf", MOONRAKER.rstrip())
        write(self.data / "config/printer.cfg", "# ä\r\n[printer]\r\n\n\n", 0o600)
        write(self.data / "moonraker.asvc", "klipper")
        write(self.moonraker / ".git/info/exclude", "*.x")
        before = self.tree()
        self.install()
        self.uninstall()
        self.assertEqual(before, self.tree())

    def test_changes_of_others_meanwhile_stay(self) -> None:
        self.install()
        for name in ("moonraker.conf", "printer.cfg"):
            file = self.data / "config" / name
            write(file, "# before\n" + file.read_text() + "# behind\n")
        self.uninstall()
        printer = (self.data / "config/printer.cfg").read_text()
        self.assertEqual("# before\n" + PRINTER + "# behind\n", printer)

    def test_a_second_time_there_is_nothing_to_remove(self) -> None:
        self.install()
        self.uninstall()
        before = self.tree()
        self.assertIn("Nothing to remove", self.uninstall())
        self.assertEqual(before, self.tree())

    def test_frames_stay_unless_purged_and_films_stay_always(self) -> None:
        self.install()
        store = self.data / "moonlapse/20261123-091112_cube/frames/a.jpg"
        write(store, "")
        write(self.data / "moonlapse/journal.db", "")
        write(self.data / "films/a.mp4", "")
        write(self.data / "frames/.moonlapse-frames", "")
        (self.data / "frames/frame000001.jpg").symlink_to(store)
        self.assertIn("stay", self.uninstall())
        self.assertTrue(store.exists())
        self.assertFalse((self.data / "frames").exists())
        self.install()
        self.uninstall("--purge")
        self.assertFalse((self.data / "moonlapse").exists())
        self.assertTrue((self.data / "films/a.mp4").exists())

    def test_of_a_store_in_a_folder_of_the_user_only_the_store_goes(self) -> None:
        conf = self.data / "config/moonraker.conf"
        write(conf, conf.read_text() + f"session_path: {self.home}/mine\n")
        write(self.home / "mine/letters/frames/a.txt", "")
        write(self.home / "mine/20260101-000000_letter.txt", "")
        before = self.tree()
        self.install()
        write(self.home / "mine/20261123-091112_cube/frames/a.jpg", "")
        write(self.home / "mine/journal.db", "")
        write(self.home / "mine/queue/000001.json", "")
        self.uninstall("--purge")
        self.assertEqual(before, self.tree())

    def test_a_store_without_frames_is_a_trace(self) -> None:
        before = self.tree()
        self.install()
        write(self.data / "moonlapse/journal.db", "")
        self.uninstall()
        self.assertEqual(before, self.tree())

    def test_frames_of_others_stay(self) -> None:
        write(self.data / "frames/frame000001.jpg", "moonraker-timelapse's")
        before = self.tree()
        self.install()
        self.uninstall("--purge")
        self.assertEqual(before, self.tree())

    def test_it_goes_also_where_moonraker_is_gone(self) -> None:
        self.install()
        shutil.rmtree(self.moonraker)
        self.uninstall()
        self.assertFalse((self.home / ".moonlapse").exists())
        self.assertFalse(self.macros.is_symlink())

    def test_a_moonraker_of_pip_is_found(self) -> None:
        shutil.rmtree(self.moonraker)
        components = self.home / "moonraker-env/lib/python3.11/site-packages/moonraker/components"
        write(components / "__init__.py", "")
        before = self.tree()
        self.install()
        self.assertTrue((components / "timelapse").is_symlink())
        self.uninstall()
        self.assertEqual(before, self.tree())


class TakeOver(Plugin):
    """In the place of moonraker-timelapse."""

    def test_its_links_and_its_updates_are_replaced(self) -> None:
        self.install()
        self.assertFalse((self.components / "timelapse.py").is_symlink())
        self.assertEqual(self.program / "klipper-macros/timelapse.cfg", self.macros.resolve())
        conf = self.conf.read_text()
        self.assertNotIn("\n[update_manager timelapse]", conf)
        self.assertIn("\n[announcements]\n", conf)
        self.assertEqual(1, conf.count("\n[timelapse]\n"))
        self.assertEqual(
            1, (self.data / "config/printer.cfg").read_text().count("[include timelapse.cfg]")
        )
        self.assertIn("Nothing to change", self.install())

    def test_it_comes_back(self) -> None:
        before = self.tree()
        self.install()
        self.uninstall()
        self.assertEqual(before, self.tree())

    def test_copies_of_its_files_come_back_too(self) -> None:
        for path in (self.components / "timelapse.py", self.macros):
            text = path.read_text()
            path.unlink()
            write(path, text + "# changed by hand", 0o640)
        before = self.tree()
        self.install()
        self.assertFalse((self.components / "timelapse.py").exists())
        self.uninstall()
        self.assertEqual(before, self.tree())

    def test_its_updates_are_found_in_an_included_file(self) -> None:
        write(self.conf, MOONRAKER + "[include updates.conf]\n")
        updates = self.data / "config/updates.conf"
        write(updates, self.updates)
        before = self.tree()
        self.install()
        self.assertNotIn("\n[update", "\n" + updates.read_text())
        self.uninstall()
        self.assertEqual(before, self.tree())
