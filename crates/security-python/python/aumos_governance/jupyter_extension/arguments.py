"""What stands behind a magic's name, read strictly: what is not understood is an error, and nothing is guessed."""

from __future__ import annotations

import math
import shlex
from collections.abc import Mapping


class BadInput(Exception):
    """Something that a magic cannot take. Its text is what the user is told, after ``Error: ``."""


class Arguments:
    """The words of one magic: options with a value each, and at most one word beside them."""

    def __init__(self, line: str, *, options: tuple[str, ...], word: str | None, usage: str) -> None:
        self._usage = usage
        self._word: str | None = None
        self._options: dict[str, str] = {}
        try:
            words = shlex.split(line, comments=True)
        except ValueError:
            raise BadInput(f"a quotation mark is not closed; write {usage}.") from None
        rest = iter(words)
        for given in rest:
            # A negative number is a value.
            if not given.startswith("--"):
                if word is None or self._word is not None:
                    raise BadInput(f"unexpected {given!r}; write {usage}.")
                self._word = given
                continue
            name, is_joined, value = given.partition("=")
            if name not in options:
                raise BadInput(f"unknown option {name!r}; write {usage}.")
            if name in self._options:
                raise BadInput(f"{name} is given twice; write {usage}.")
            if not is_joined:
                following = next(rest, None)
                if following is None or following.startswith("--"):
                    raise BadInput(f"{name} needs a value; write {usage}.")
                value = following
            self._options[name] = value
        self._word_name = word

    def text(self, name: str) -> str | None:
        """An option as it was written, if it was."""
        value = self._options.get(name)
        if value is not None and not value.strip():
            raise BadInput(f"{name} must not be empty.")
        return value

    def number(self, name: str) -> float:
        """An option that has to be there, as a finite number."""
        return _number(name, self._needed(name, self._options))

    def level(self, name: str) -> int | None:
        """An option that is a trust level, if it is there."""
        value = self._options.get(name)
        return None if value is None else _level(name, value)

    def needed_level(self, name: str) -> int:
        """An option that is a trust level and has to be there."""
        return _level(name, self._needed(name, self._options))

    def word_number(self) -> float:
        """The word beside the options, which has to be there, as a finite number."""
        name = str(self._word_name)
        return _number(name, self._needed(name, {} if self._word is None else {name: self._word}))

    def _needed(self, name: str, where: Mapping[str, str]) -> str:
        if name not in where:
            raise BadInput(f"{name} is missing; write {self._usage}.")
        return where[name]


def _number(name: str, text: str) -> float:
    try:
        # Python also reads digits of other scripts and underscores, which nobody means here.
        number = float(text) if text.isascii() and "_" not in text else math.nan
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise BadInput(f"{name} must be a number; got {_shown(text)}.")
    return number


def _level(name: str, text: str) -> int:
    try:
        level = int(text) if text.isascii() and "_" not in text and len(text) < 20 else None
    except ValueError:
        level = None
    if level is None:
        raise BadInput(f"{name} must be a whole number from 0 to 5; got {_shown(text)}.")
    if not 0 <= level <= 5:
        raise BadInput(f"{name} must be between 0 and 5; got {level}.")
    return level


def _shown(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:40] + "…")
