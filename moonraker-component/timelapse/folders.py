"""The file roots: ``timelapse`` with the films, ``timelapse_frames`` with the frames to show."""

# This file may be distributed under the terms of the GNU GPLv3 license.
from __future__ import annotations

import pathlib
from typing import TYPE_CHECKING, Dict, Mapping

from .schema import Option, Value

if TYPE_CHECKING:
    from ...server import Server
    from ..file_manager.file_manager import FileManager

# Option, root, and whether the user interfaces may write: they rename and delete films.
_ROOTS = (("output_path", "timelapse", True), ("frame_path", "timelapse_frames", False))


def register(
    server: Server, options: Mapping[str, Option], values: Mapping[str, Value]
) -> Dict[str, Value]:
    """Makes the folders and registers them as roots. Returns the paths in use, by option.

    A folder that cannot be made becomes a warning, and the default folder is used.
    """
    file_manager: FileManager = server.lookup_component("file_manager")
    used: Dict[str, Value] = {}
    for name, root, full_access in _ROOTS:
        for text in (str(values[name]), str(options[name].default)):
            try:
                folder = _make(text)
            except (OSError, RuntimeError) as problem:
                server.add_warning(
                    f"[timelapse]: '{name}' cannot be '{text}': {problem}. It must be the "
                    f"absolute path of a folder that Moonraker can write. Moonlapse uses "
                    f"'{options[name].default}' instead."
                )
                continue
            if file_manager.register_directory(root, str(folder), full_access):
                used[name] = str(folder)
                break
    return used


def _make(text: str) -> pathlib.Path:
    """Makes the folder. Raises ``OSError``, or ``RuntimeError`` for an unknown ``~user``."""
    folder = pathlib.Path(text).expanduser()
    if not folder.is_absolute() or folder == pathlib.Path(folder.anchor):
        raise OSError("not the absolute path of a folder")
    folder.mkdir(parents=True, exist_ok=True)
    return folder
