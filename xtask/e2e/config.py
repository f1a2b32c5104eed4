"""Configurations of the gate, as an operator would write them."""

from pathlib import Path
from typing import Any

Rule = tuple[str, str, str]


def config(
    level: str,
    tools: list[Rule],
    *,
    calls: int = 100,
    consent: list[str] | None = None,
    granted: bool = False,
    key: Path | None = None,
) -> str:
    """An agent at `level`; `tools` are (name or glob, required level, effect), the first match wins.

    `consent` names tools that read the source code for review, which is granted or not; `key` signs the log.
    """
    audit = {"namespace": "e2e.gate", **({"key": str(key)} if key else {})}
    parts = [
        section("[agent]", id="desk-assistant", session="s-1"),
        section(
            "[[trust.assignments]]",
            agent="desk-assistant",
            level=level,
            scope="",
            assigned_by="ops@example.com",
            reason="end to end",
        ),
        section("[budget.session]", calls=calls),
        section("[audit]", **audit),
    ]
    parts += [section("[[trust.tools]]", tool=t, required_level=r, effect=e) for t, r, e in tools]
    reading = {"data_type": "source_code", "purpose": "review"}
    parts += [section("[[consent.tools]]", tool=tool, **reading) for tool in consent or []]
    if granted:
        given = section("[[consent.grants]]", agent="desk-assistant", granted_by="admin@example.com", **reading)
        parts.append(given)
    return "\n".join(parts)


def section(title: str, **values: Any) -> str:
    written = (f"{key} = {value}" if isinstance(value, int) else f'{key} = "{value}"' for key, value in values.items())
    return "\n".join([title, *written, ""])
