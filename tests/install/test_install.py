"""What install.sh does to a home."""

from __future__ import annotations

import os
import pwd
import shutil

from .home import MOONRAKER, PRINTER, Home, write

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

    def test_the_command_is_where_login_shells_look(self) -> None:
        self.assertIn("after the next login", self.install())
        self.assertEqual(self.program / "bin/moonlapse", self.command.resolve())
        self.assertNotIn("next login", self.install())

    def test_a_command_of_the_user_stays(self) -> None:
        write(self.command, "#!/bin/sh\n# mine\n", 0o755)
        self.assertIn(f"{self.command} is not ours", self.install())
        self.uninstall()
        self.assertIn("# mine", self.command.read_text())

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

    def test_a_printer_has_one_service(self) -> None:
        self.as_release()
        user, conf = self.home / ".config/systemd/user/moonlapse.service", self.data / "config/moonraker.conf"
        self.install("--service", "user")
        self.assertIn("is_system_service: False\n", conf.read_text())
        # Without a word it stays of its kind.
        self.kind = ()
        self.assertIn("Nothing to change", self.install())
        self.assertFalse(self.unit.exists())
        self.install("--service", "system")
        self.assertTrue(self.unit.exists())
        self.assertFalse(user.exists())
        self.assertIn("--user disable --quiet --now moonlapse", self.systemctl_calls())
        self.assertIn("managed_services: moonlapse moonraker\n", conf.read_text())
        self.assertNotIn("is_system_service", conf.read_text())

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

    def test_moonraker_and_klipper_forget_a_release_that_has_gone(self) -> None:
        called = self.add_running_moonraker()
        self.as_release()
        self.install()
        self.calls.write_text("")
        called.clear()
        self.assertNotIn("Restart ", self.uninstall())
        self.assertIn("restart moonraker", self.systemctl_calls())
        self.assertIn("printer.restart", called)

    def test_a_release_goes_also_when_moonraker_does_not_restart(self) -> None:
        self.add_running_moonraker()
        release = self.as_release()
        self.install()
        write(self.root / "path/systemctl", '#!/bin/sh\n[ "$1 $2" != "restart moonraker" ]\n')
        self.assertIn("Restart Moonraker to go on", self.uninstall())
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
        self.assertEqual(release / "bin/moonlapse", self.command.resolve())
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
        for name in ("Cargo.toml", "Cargo.lock", "build.rs", "src/main.rs", "web/dist/index.html"):
            write(self.source / name, "")

    def test_it_is_built_once(self) -> None:
        self.cargo("1.95.0")
        for words in ("build moonlapse", "Nothing to change"):
            done = self.run_it("--yes")
            self.assertEqual(0, done.returncode, done.stderr)
            self.assertIn(words, done.stdout)
        self.assertEqual("built\n", (self.root / "builds").read_text())
        for changed in ("src/main.rs", "web/dist/index.html", "build.rs"):
            write(self.source / changed, "// changed")
            self.assertEqual(0, self.run_it("--yes").returncode)
        self.assertEqual(4 * "built\n", (self.root / "builds").read_text())

    def test_what_a_build_lacks_is_named(self) -> None:
        before = self.tree()
        self.cargo("1.63.0")
        self.assertIn("needs Rust 1.90", self.refused("--yes"))
        (self.root / "path/cargo").unlink()
        self.assertIn("no cargo", self.refused("--yes", PATH=f"{self.root}/path:/usr/bin:/bin"))
        (self.source / "Cargo.toml").unlink()
        self.assertIn("neither a release nor a checkout", self.refused("--yes"))
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

    def test_any_shell_will_do(self) -> None:
        self.runner = ("sh",)
        self.assertIn(f"link {self.macros}", self.install("--dry-run"))

    def test_alone_it_says_what_is_missing(self) -> None:
        shutil.rmtree(self.source / "installer")
        self.assertIn("Take a whole release", self.refused("--yes"))

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
