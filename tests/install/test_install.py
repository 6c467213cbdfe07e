"""What install.sh does to a home."""

from __future__ import annotations

import os
import pathlib
import pwd
import shutil
import unittest

from .home import MOONRAKER, PRINTER, Home, Plugin, write

BEGIN = "# >>> moonlapse"


class Install(Home):
    """A first installation."""

    def test_the_parts_are_in_their_places(self) -> None:
        self.install()
        self.assertTrue(os.access(self.program / "bin/moonlapse", os.X_OK))
        self.assertEqual(self.program / "klipper-macros/timelapse.cfg", self.macros.resolve())
        component = self.components / "timelapse"
        self.assertEqual(self.program / "moonraker-component/timelapse", component.resolve())
        self.assertIn("moonlapse\n", (self.data / "moonraker.asvc").read_text())
        self.assertEqual("", self.git_status())

    def test_what_is_installed_does_not_need_the_checkout(self) -> None:
        self.install()
        for path in self.home.rglob("*"):
            if path.is_symlink():
                self.assertNotIn(str(self.source), os.readlink(path))
        self.assertNotIn(str(self.source), self.unit.read_text())
        # Also not for the way back.
        shutil.rmtree(self.source)
        self.source = self.program
        self.uninstall()
        self.assertFalse(self.program.exists())

    def test_the_service_runs_the_agent_for_this_printer(self) -> None:
        self.install()
        unit = self.unit.read_text()
        self.assertIn(
            f'ExecStart="{self.program}/bin/moonlapse" run --data-path "{self.data}"\n', unit
        )
        self.assertIn(f"User={pwd.getpwuid(os.getuid()).pw_name}\n", unit)
        self.assertIn("Restart=always", unit)
        self.assertIn("WantedBy=multi-user.target", unit)
        self.assertNotIn("PrivateTmp=", unit)
        self.assertEqual(
            ["daemon-reload", "enable --quiet moonlapse", "restart moonlapse"],
            self.systemctl_calls(),
        )

    def test_a_service_of_the_user_needs_no_root(self) -> None:
        before = self.tree()
        self.install("--service", "user")
        unit = (self.home / ".config/systemd/user/moonlapse.service").read_text()
        self.assertNotIn("User=", unit)
        self.assertIn("WantedBy=default.target", unit)
        self.assertIn("--user enable --quiet moonlapse", self.systemctl_calls())
        # The way back knows the kind.
        done = self.run_it("--uninstall", "--yes", "--service", "none")
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertEqual(before, self.tree())

    def test_without_systemd_it_says_what_to_run(self) -> None:
        said = self.install("--no-systemd")
        self.assertIn(f"{self.program}/bin/moonlapse run --data-path {self.data}", said)
        self.assertEqual([], list(self.units.iterdir()))
        self.assertEqual([], self.systemctl_calls())

    def test_the_section_and_the_include_are_added(self) -> None:
        write(self.data / "config/moonraker.conf", MOONRAKER)
        self.install()
        moonraker = (self.data / "config/moonraker.conf").read_text()
        self.assertTrue(moonraker.startswith(MOONRAKER + BEGIN))
        self.assertIn("\n[timelapse]\n", moonraker)
        # A checkout is no release that could be updated.
        self.assertNotIn("update_manager", moonraker)
        printer = (self.data / "config/printer.cfg").read_text()
        self.assertIn("[include timelapse.cfg]\n", printer)
        self.assertTrue(printer.endswith(PRINTER))

    def test_settings_are_left_alone_when_asked_to(self) -> None:
        before = self.tree(self.data / "config")
        said = self.install("--no-configure")
        after = self.tree(self.data / "config")
        after.pop(str(self.macros))
        self.assertEqual(before, after)
        self.assertIn("[include timelapse.cfg]", said)

    def test_lines_begin_on_a_line_of_their_own(self) -> None:
        write(self.data / "config/moonraker.conf", MOONRAKER.rstrip())
        self.install()
        moonraker = (self.data / "config/moonraker.conf").read_text()
        self.assertTrue(moonraker.startswith(MOONRAKER + BEGIN))

    def test_nothing_is_added_that_an_included_file_has(self) -> None:
        config = self.data / "config"
        write(config / "moonraker.conf", MOONRAKER + "[include parts/*.conf]\n")
        write(config / "parts/films.conf", "[timelapse]\n")
        write(config / "printer.cfg", "[include more/macros.cfg]\n" + PRINTER)
        write(config / "more/macros.cfg", "[include ../timelapse.cfg] # films\n")
        before = self.tree(config)
        self.install()
        after = self.tree(config)
        after.pop(str(self.macros))
        self.assertEqual(before, after)

    def test_a_second_time_changes_nothing_and_says_so(self) -> None:
        self.install()
        before, calls = self.tree(), self.systemctl_calls()
        self.assertIn("Nothing to change", self.install())
        self.assertEqual(before, self.tree())
        self.assertEqual(calls, self.systemctl_calls())

    def test_a_new_program_replaces_the_old_one_and_is_started(self) -> None:
        self.install()
        self.calls.write_text("")
        write(self.binary, "#!/bin/sh\n# new\n")
        self.install()
        self.assertIn("# new", (self.program / "bin/moonlapse").read_text())
        self.assertIn("restart moonlapse", self.systemctl_calls())

    def test_a_copy_of_each_changed_file_is_kept(self) -> None:
        self.install()
        (kept,) = (self.home / ".moonlapse/backup").iterdir()
        copy = kept / str(self.data / "config/printer.cfg").lstrip("/")
        self.assertEqual(PRINTER, copy.read_text())

    def test_the_list_of_services_is_moonrakers_when_there_was_none(self) -> None:
        (self.data / "moonraker.asvc").unlink()
        self.install()
        self.assertEqual(
            "klipper_mcu\nmoonlapse\n", (self.data / "moonraker.asvc").read_text()
        )


class Releases(Home):
    """From an unpacked release."""

    def test_a_release_is_used_where_it_lies(self) -> None:
        release = self.as_release()
        self.install()
        self.assertIn(f'ExecStart="{release}/bin/moonlapse" run', self.unit.read_text())
        self.assertTrue(os.access(release / "bin/moonlapse", os.X_OK))
        moonraker = (self.data / "config/moonraker.conf").read_text()
        self.assertIn("[update_manager moonlapse]\ntype: zip\nchannel: stable\n", moonraker)
        self.assertIn("repo: somebody/films\n", moonraker)
        self.assertIn(f"path: {release}\n", moonraker)
        self.assertIn("managed_services: moonlapse moonraker\n", moonraker)
        self.assertIn("Nothing to change", self.install())

    def test_an_update_manager_that_is_off_stays_off(self) -> None:
        write(self.data / "config/moonraker.conf", MOONRAKER)
        self.as_release()
        self.assertIn("update manager is off", self.install())
        self.assertNotIn("update_manager", (self.data / "config/moonraker.conf").read_text())

    def test_a_release_goes_with_the_rest(self) -> None:
        before = self.tree()
        release = self.as_release()
        self.install()
        self.uninstall()
        self.assertEqual(before, self.tree())
        self.assertFalse(release.exists())

    def test_files_of_others_in_its_folder_stay(self) -> None:
        release = self.as_release()
        write(release / "mine.txt", "")
        self.install()
        self.assertIn("not ours", self.uninstall())
        self.assertEqual([release / "mine.txt"], list(release.iterdir()))

    def test_a_release_that_was_unpacked_over_an_older_one_is_started(self) -> None:
        release = self.as_release()
        self.install()
        self.calls.write_text("")
        write(release / "bin/moonlapse", "#!/bin/sh\n# newer\n", 0o755)
        self.install()
        self.assertIn("restart moonlapse", self.systemctl_calls())

    def test_a_release_takes_the_place_of_an_installed_checkout(self) -> None:
        self.install()
        release = self.as_release()
        self.install()
        self.assertFalse(self.program.exists())
        component = self.components / "timelapse"
        self.assertEqual(release / "moonraker-component/timelapse", component.resolve())
        self.assertIn(f'"{release}/bin/moonlapse"', self.unit.read_text())

    def test_updates_name_the_place_that_they_are_for(self) -> None:
        release = self.as_release()
        self.install()
        elsewhere = self.home / "elsewhere"
        release.rename(elsewhere)
        self.source = elsewhere
        self.install()
        moonraker = (self.data / "config/moonraker.conf").read_text()
        self.assertIn(f"path: {elsewhere}\n", moonraker)
        self.assertNotIn(f"path: {release}\n", moonraker)

    def test_a_release_for_other_machines_is_refused(self) -> None:
        release = self.as_release()
        write(release / "bin/moonlapse", "#!/bin/sh\nexit 1\n", 0o755)
        before = self.tree()
        self.assertIn("no program for this machine", self.refused("--yes"))
        self.assertEqual(before, self.tree())


class Building(Home):
    """From sources."""

    def cargo(self, version: str) -> None:
        """A made-up cargo that builds at once."""
        script = f"""#!/bin/sh
[ "$1" = --version ] && echo "cargo {version} (x 2026-01-01)" && exit
while [ $# -gt 0 ]; do [ "$1" = --target-dir ] && to=$2; shift; done
mkdir -p "$to/release" && echo '#!/bin/sh' >"$to/release/moonlapse" && chmod +x "$to/release/moonlapse"
echo built >>{self.root}/builds
"""
        write(self.root / "path/cargo", script, 0o755)
        for name in ("Cargo.toml", "Cargo.lock", "src/main.rs"):
            write(self.source / name, "")

    def test_it_is_built_once(self) -> None:
        self.cargo("1.95.0")
        for words in ("build moonlapse", "Nothing to change"):
            done = self.run_it("--yes")
            self.assertEqual(0, done.returncode, done.stderr)
            self.assertIn(words, done.stdout)
        self.assertEqual("built\n", (self.root / "builds").read_text())
        write(self.source / "src/main.rs", "// changed")
        self.assertEqual(0, self.run_it("--yes").returncode)
        self.assertEqual("built\nbuilt\n", (self.root / "builds").read_text())

    def test_what_a_build_lacks_is_named(self) -> None:
        before = self.tree()
        self.cargo("1.63.0")
        self.assertIn("needs Rust 1.90", self.refused("--yes"))
        (self.root / "path/cargo").unlink()
        self.assertIn("no cargo", self.refused("--yes", PATH=f"{self.root}/path:/usr/bin:/bin"))
        (self.source / "Cargo.toml").unlink()
        self.assertIn("neither a release nor a checkout", self.refused("--yes"))
        self.assertEqual(before, self.tree())


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
        for data, name in ((self.first, "moonlapse-1"), (self.second, "moonlapse-voron")):
            with self.subTest(name):
                unit = (self.units / f"{name}.service").read_text()
                self.assertIn(f'run --data-path "{data}"\n', unit)
                self.assertIn(f"{name}\n", (data / "moonraker.asvc").read_text())
                conf = (data / "config/moonraker.conf").read_text()
                self.assertIn(f"output_path: {data}/timelapse/\n", conf)
                self.assertIn(f"frame_path: {data}/timelapse_frames/\n", conf)
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


class Care(Home):
    """What it does not do."""

    def test_a_dry_run_shows_the_changes_and_makes_none(self) -> None:
        before = self.tree()
        said = self.install("--dry-run")
        for words in (f"link {self.macros}", "[include timelapse.cfg]", "moonlapse.service"):
            self.assertIn(words, said)
        self.assertEqual(before, self.tree())
        self.assertEqual([], self.systemctl_calls())

    def test_without_a_yes_nothing_is_changed(self) -> None:
        before = self.tree()
        for answer in ("", "n\n"):
            error = self.refused("--binary", str(self.binary), answer=answer)
            self.assertIn("nothing was changed", error)
        self.assertEqual(before, self.tree())

    def test_a_yes_is_asked_for_once(self) -> None:
        done = self.run_it("--binary", str(self.binary), answer="y\n")
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertTrue(self.macros.is_symlink())
        self.assertEqual(1, done.stdout.count(f"link {self.macros}"))

    def test_a_file_of_the_user_is_not_replaced(self) -> None:
        write(self.macros, "# my own\n")
        before = self.tree()
        error = self.refused("--binary", str(self.binary), "--yes")
        self.assertIn("in the way", error)
        self.assertEqual(before, self.tree())

    def test_a_settings_file_that_is_a_link_stays_one(self) -> None:
        real = self.home / "klipper-settings/printer.cfg"
        write(real, PRINTER)
        link = self.data / "config/printer.cfg"
        link.unlink()
        link.symlink_to(real)
        before = self.tree()
        self.install()
        self.assertTrue(link.is_symlink())
        self.assertIn("[include timelapse.cfg]", real.read_text())
        self.uninstall()
        self.assertEqual(before, self.tree())

    def test_the_service_of_another_user_is_left_alone(self) -> None:
        write(self.unit, '[Service]\nExecStart="x" run --data-path "/home/other/printer_data"\n')
        before = self.tree(self.units)
        self.assertIn("another printer's", self.refused("--binary", str(self.binary), "--yes"))
        self.uninstall()
        self.assertEqual(before, self.tree(self.units))

    def test_mistakes_are_named(self) -> None:
        for options, words in (
            (("--data", "/nowhere"), "no folder /nowhere/config"),
            (("--moonraker", "/nowhere"), "no Moonraker in /nowhere"),
            (("--binary", "/nowhere", "--yes"), "/nowhere is no program"),
            (("--service", "other"), "--service is system, user or none"),
            (("--purge",), "--purge goes with --uninstall"),
            (("--data",), "--data needs a value"),
            (("--wrong",), "unknown option '--wrong'"),
        ):
            with self.subTest(options):
                self.assertIn(words, self.refused(*options))

    def test_a_home_without_a_printer_is_told(self) -> None:
        shutil.rmtree(self.data)
        error = self.refused("--binary", str(self.binary), HOME=str(self.home))
        self.assertIn("no folder printer_data", error)

    def test_ffmpeg_is_installed_only_where_it_is_missing(self) -> None:
        self.assertNotIn("apt-get", self.install("--dry-run"))
        # A PATH with all but ffmpeg, and a made-up apt-get that a plan does not run.
        tools = self.root / "tools"
        tools.mkdir()
        for folder in ("/bin", "/usr/bin", "/usr/local/bin"):
            for tool in os.scandir(folder):
                if tool.name != "ffmpeg" and not (tools / tool.name).exists():
                    (tools / tool.name).symlink_to(tool.path)
        if not (tools / "apt-get").exists():
            write(tools / "apt-get", "#!/bin/sh\nexit 1\n", 0o755)
        for options, words in (((), "install ffmpeg"), (("--no-apt",), "There is no ffmpeg")):
            done = self.run_it(
                "--binary", str(self.binary), "--dry-run", *options, PATH=f"{self.root}/path:{tools}"
            )
            self.assertIn(words, done.stdout, done.stderr)
        conf = self.data / "config/moonraker.conf"
        write(conf, conf.read_text() + "ffmpeg_binary_path: /opt/ffmpeg\n")
        done = self.run_it(
            "--binary", str(self.binary), "--dry-run", PATH=f"{self.root}/path:{tools}"
        )
        self.assertNotIn("ffmpeg", done.stdout, done.stderr)


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
