"""Governance in a notebook: ``%load_ext aumos_governance.jupyter_extension``.

===================================================  ==============================================================
``%governance --trust-level N --budget X``           sets the session's level and budget, both fixed from then on
``%governance_status``                               level, spent, limit and what remains
``%governance_spend X [--tool NAME]``                records a cost, or denies it and changes nothing
``%%governed --cost X [--level N] [--tool NAME]``    runs the cell if that is allowed, and records it
``%governance_disable``                              ends the session and tells its total
===================================================  ==============================================================

Every decision is in the audit log of :func:`get_engine`, also after the session has ended. A level is what was set and a
budget is what was given: nothing raises either but another ``%governance``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aumos_governance.jupyter_extension.session import NotebookSession, SessionStatus, get_engine, get_session

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

__all__ = [
    "NotebookSession",
    "SessionStatus",
    "get_engine",
    "get_session",
    "load_ipython_extension",
    "unload_ipython_extension",
]


def load_ipython_extension(ipython: InteractiveShell) -> None:
    """Adds the magics to a shell. ``%load_ext`` calls it."""
    # Here, for the rest of this package needs no IPython.
    from aumos_governance.jupyter_extension.magics import GovernanceMagics

    ipython.register_magics(GovernanceMagics)


def unload_ipython_extension(ipython: InteractiveShell) -> None:
    """Ends the session and takes the magics out of the shell. ``%unload_ext`` calls it; the audit log stays."""
    from aumos_governance.jupyter_extension.magics import CELL_MAGICS, LINE_MAGICS

    session = get_session()
    if session.is_active:
        session.disable()
    for kind, names in (("line", LINE_MAGICS), ("cell", CELL_MAGICS)):
        for name in names:
            ipython.magics_manager.magics[kind].pop(name, None)
