"""The options of ``[timelapse]``, read from the JSON Schema that the agent generates.

The agent's own type is the only place where an option is defined, so that the agent and this
component cannot disagree. Of JSON Schema this reads what that type needs: ``type``, ``enum``,
``minimum``, ``maximum``, ``default``, and our own ``x-scope`` and ``x-unit``.
"""

# This file may be distributed under the terms of the GNU GPLv3 license.
from __future__ import annotations

import configparser
import enum
import json
import math
import pathlib
from dataclasses import dataclass
from typing import Any, Dict, Mapping, Optional, Tuple, Union

Value = Union[bool, int, float, str]

SCHEMA_FILE = pathlib.Path(__file__).with_name("settings.schema.json")

_BOOLEANS = configparser.ConfigParser.BOOLEAN_STATES
_KINDS = ("boolean", "integer", "number", "string")


class Scope(enum.Enum):
    """Who may set an option."""

    UI = "ui"
    """The user interfaces; a value in moonraker.conf fixes it."""
    CONF = "conf"
    """Only moonraker.conf; the user interfaces never see it."""
    READONLY = "readonly"
    """Only moonraker.conf; the user interfaces show it."""


class BadValue(ValueError):
    """A value that an option does not allow. The text says what it allows."""


@dataclass(frozen=True)
class Option:
    """One option: its type, its default and what it allows."""

    name: str
    kind: str
    default: Value
    scope: Scope
    choices: Tuple[str, ...] = ()
    minimum: Optional[float] = None
    maximum: Optional[float] = None
    unit: str = ""

    @property
    def allowed(self) -> str:
        """What this option allows, as the end of the sentence "It must be ..."."""
        if self.choices:
            return "one of " + ", ".join(self.choices)
        if self.kind == "boolean":
            return "True or False"
        if self.kind == "string":
            return "a text"
        noun = "a whole number" if self.kind == "integer" else "a number"
        if self.minimum is not None and self.maximum is not None:
            noun += f" from {self.minimum:g} to {self.maximum:g}"
        elif self.minimum is not None:
            noun += f" of at least {self.minimum:g}"
        elif self.maximum is not None:
            noun += f" of at most {self.maximum:g}"
        return f"{noun} {self.unit}".rstrip()

    def from_conf(self, text: str) -> Value:
        """Reads the text of moonraker.conf by the rules of Moonraker's getters.

        Raises ``BadValue`` for anything else, also when it is out of range.
        """
        value: Value
        if self.kind == "boolean":
            if text.lower() not in _BOOLEANS:
                raise self._bad(text)
            return _BOOLEANS[text.lower()]
        if self.kind == "string":
            return self._chosen(text)
        try:
            value = int(text) if self.kind == "integer" else float(text)
        except ValueError:
            raise self._bad(text) from None
        if self._limited(value) != value:
            raise self._bad(text)
        return value

    def from_client(self, raw: Any) -> Value:
        """Reads a value as the user interfaces send it.

        They send numbers as text, one request per key stroke. A number out of range is taken as
        the nearest limit: an error would put a message on the screen for every key. Raises
        ``BadValue`` for what cannot be understood.
        """
        if self.kind == "boolean":
            return self._boolean(raw)
        if raw is None:
            raw = ""
        if isinstance(raw, bool) or not isinstance(raw, (str, int, float)):
            raise self._bad(raw)
        if self.kind == "string":
            return self._chosen(str(raw))
        try:
            number = float(raw)
        except ValueError:
            raise self._bad(raw) from None
        if self.kind == "number":
            return self._limited(number)
        if not number.is_integer():
            raise self._bad(raw)
        return int(self._limited(int(number)))

    def is_blank(self, raw: Any) -> bool:
        """Whether this is what the user interfaces send for a number of which nothing is typed."""
        return self.kind in ("integer", "number") and raw in ("", None)

    def _boolean(self, raw: Any) -> bool:
        if isinstance(raw, bool):
            return raw
        if isinstance(raw, str) and raw.lower() in ("true", "false"):
            return raw.lower() == "true"
        raise self._bad(raw)

    def _chosen(self, text: str) -> str:
        if self.choices and text not in self.choices:
            raise self._bad(text)
        return text

    def _limited(self, number: float) -> float:
        if not math.isfinite(number):
            raise self._bad(number)
        if self.minimum is not None and number < self.minimum:
            return self.minimum
        if self.maximum is not None and number > self.maximum:
            return self.maximum
        return number

    def _bad(self, value: Any) -> BadValue:
        return BadValue(f"'{self.name}' cannot be '{value}'. It must be {self.allowed}.")


def load(path: pathlib.Path = SCHEMA_FILE) -> Dict[str, Option]:
    """Reads the schema: all options by name, in the schema's order."""
    schema = json.loads(path.read_text(encoding="utf-8"))
    return {name: _option(name, spec) for name, spec in schema["properties"].items()}


def _option(name: str, spec: Mapping[str, Any]) -> Option:
    kind = spec["type"]
    if kind not in _KINDS:
        raise ValueError(f"option '{name}' has the unknown type '{kind}'")
    return Option(
        name=name,
        kind=kind,
        default=spec["default"],
        scope=Scope(spec.get("x-scope", Scope.CONF.value)),
        choices=tuple(spec.get("enum", ())),
        minimum=spec.get("minimum"),
        maximum=spec.get("maximum"),
        unit=spec.get("x-unit", ""),
    )
