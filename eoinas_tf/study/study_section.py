"""A JSON object of a study file, read key by key; any error in it becomes one line that names the place."""

from collections.abc import Mapping
from typing import Any, NoReturn

from eoinas_tf.errors import ConfigurationError

Flags = tuple[tuple[str, str], ...]
LONGEST_NAME = 60


class Section:
    """An object of the file; every key must be read before `end`.

    Args:
        content: The parsed object.
        place: Its place in the file, for messages.

    Raises:
        ConfigurationError: It is not an object.
    """

    def __init__(self, content: Any, place: str) -> None:
        self._place = place
        if not isinstance(content, dict):
            self.refuse("must be a JSON object", content)
        self._left: dict[str, Any] = dict(content)

    def refuse(self, what: str, received: Any) -> NoReturn:
        """Raises an error about this section.

        Args:
            what: What it must be.
            received: What it is instead.

        Raises:
            ConfigurationError: Always.
        """
        shown = received if isinstance(received, str) else repr(received)
        raise ConfigurationError(f"{self._place}: {what}. Received: {shown[:LONGEST_NAME]}")

    def name(self) -> str:
        """Takes `name`, which messages use for the section from now on."""
        name = self.text("name")
        if len(name) > LONGEST_NAME or not name.isprintable() or "/" in name:
            self.refuse(f'"name" must be at most {LONGEST_NAME} printable characters without /', name)
        self._place += f", {name}"
        return name

    def text(self, key: str, default: str | None = None) -> str:
        """Takes a non-empty text."""
        value = self._take(key, default)
        if not isinstance(value, str) or not value.strip():
            self.refuse(f'"{key}" must be a text', value)
        return value

    def texts(self, key: str, default: tuple[str, ...] | None) -> tuple[str, ...] | None:
        """Takes a list of texts."""
        value = self._left.pop(key, default)
        if value is None:
            return None
        if not isinstance(value, (list, tuple)) or not all(isinstance(one, str) for one in value):
            self.refuse(f'"{key}" must be a list of texts', value)
        return tuple(value)

    def whole(self, key: str, default: int | None) -> int | None:
        """Takes a whole number of 0 or more."""
        value = self._left.pop(key, default)
        if value is not None and not _is_whole(value):
            self.refuse(f'"{key}" must be a whole number of 0 or more', value)
        return value

    def seeds(self, key: str, default: tuple[int, ...]) -> tuple[int, ...]:
        """Takes a list of different seeds."""
        return self._as_seeds(key, self._left.pop(key)) if key in self._left else default

    def seeds_by_name(self, key: str) -> Mapping[str, tuple[int, ...]]:
        """Takes an object with a list of seeds for each name."""
        value = self._left.pop(key, {})
        if not isinstance(value, dict):
            self.refuse(f'"{key}" must be an object with a list of seeds for each name', value)
        return {name: self._as_seeds(key, seeds) for name, seeds in value.items()}

    def sections(self, key: str, default: list | None = None, text_as: str | None = None) -> list["Section"]:
        """Takes an object, or a list of objects, as sections.

        Args:
            key: The key.
            default: Value if the key is missing; None if the key is required.
            text_as: The key under which a text in the list becomes an object; the text is also its `name`.
        """
        value = self._take(key, default)
        parts = value if isinstance(value, list) else [value]
        if text_as:
            parts = [{"name": part, text_as: part} if isinstance(part, str) else part for part in parts]
        return [Section(part, f'{self._place}, "{key}"') for part in parts]

    def flags(self, forbidden: set[str]) -> Flags:
        """Takes all remaining keys as flags, as (name, text) pairs, the flagfile first.

        Args:
            forbidden: Flags that the study sets itself.
        """
        flags = {}
        for key in sorted(self._left, key=lambda name: name != "flagfile"):
            if key in forbidden:
                self.refuse("this flag is not for a study file", key)
            flags[key] = self._flag_text(key, self._left[key])
        self._left = {}
        return tuple(flags.items())

    def end(self) -> None:
        """Refuses keys that were not read."""
        for key in self._left:
            self.refuse("unknown key", key)

    def _take(self, key: str, default: Any) -> Any:
        if key not in self._left and default is None:
            self.refuse(f'"{key}" is missing', ", ".join(self._left) or "nothing")
        return self._left.pop(key, default)

    def _as_seeds(self, key: str, value: Any) -> tuple[int, ...]:
        if not isinstance(value, (list, tuple)) or not value or not all(map(_is_whole, value)):
            self.refuse(f'"{key}" must be a list of seeds, whole numbers of 0 or more', value)
        if len(set(value)) != len(value):
            self.refuse(f'"{key}" names a seed twice', value)
        return tuple(value)

    def _flag_text(self, key: str, value: Any) -> str:
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, list) and value and all(isinstance(one, (int, float, str)) for one in value):
            return ",".join(map(str, value))
        if not isinstance(value, (int, float, str)):
            self.refuse(f"flag {key} must be a text, a number, true, false, or a list", value)
        return str(value)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
