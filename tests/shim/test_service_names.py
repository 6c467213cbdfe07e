"""The component and install.sh agree on the names of services."""

from __future__ import annotations

import importlib.util
import subprocess
import unittest

from .harness import REPOSITORY

_SPEC = importlib.util.spec_from_file_location(
    "moonraker.components.timelapse.agent",
    REPOSITORY / "moonraker-component/timelapse/agent.py",
)
assert _SPEC is not None and _SPEC.loader is not None
_AGENT = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(_AGENT)

NAMES = {
    "/home/pi/printer_data": "moonlapse",
    "/home/pi/printer_1_data": "moonlapse-1",
    "/home/pi/printer_voron_24_data": "moonlapse-voron_24",
    "/srv/klipper data": "moonlapse-klipper-data",
}


class Names(unittest.TestCase):
    """By data folder."""

    def test_the_component_names_the_service(self) -> None:
        for folder, name in NAMES.items():
            self.assertEqual(name, _AGENT.service_of(folder))

    def test_install_sh_names_it_the_same(self) -> None:
        script = '. installer/changes.sh; . installer/finding.sh; for f; do name_of "$f"; done'
        done = subprocess.run(
            ["bash", "-c", script, "bash", *NAMES],
            cwd=REPOSITORY, check=True, capture_output=True, text=True,
        )  # fmt: skip
        self.assertEqual(list(NAMES.values()), done.stdout.splitlines())
