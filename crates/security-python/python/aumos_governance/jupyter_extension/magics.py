"""The magics: what they take, and what they tell. The only file here that needs IPython (extra ``notebook``)."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from IPython.core.magic import Magics, cell_magic, line_magic, magics_class
from IPython.display import display

from aumos_governance import GovernanceDeniedError, GovernanceError
from aumos_governance.jupyter_extension.arguments import Arguments, BadInput
from aumos_governance.jupyter_extension.session import DEFAULT_AGENT, NotActive, SessionStatus, get_session, money

LINE_MAGICS = ("governance", "governance_status", "governance_spend", "governance_disable")
CELL_MAGICS = ("governed",)


class GovernedCellFailed(Exception):
    """The cell under ``%%governed`` raised. Its own traceback has been shown, so this one is short."""

    def _render_traceback_(self) -> list[str]:
        return [f"GovernedCellFailed: {self}"]


@magics_class
class GovernanceMagics(Magics):
    """``%governance`` and what belongs to it."""

    @line_magic
    def governance(self, line: str) -> None:
        """%governance --trust-level N --budget X [--agent ID]: begins a session with a fixed level and budget."""
        _tell(lambda: _enable(line))

    @line_magic
    def governance_status(self, line: str) -> None:
        """%governance_status: the level, what is spent, the limit and what remains."""
        _tell(lambda: _status(line))

    @line_magic
    def governance_spend(self, line: str) -> None:
        """%governance_spend X [--tool NAME]: records a cost in USD, or denies it."""
        _tell(lambda: _spend(line))

    @line_magic
    def governance_disable(self, line: str) -> None:
        """%governance_disable: ends the session and tells its total."""
        _tell(lambda: _disable(line))

    @cell_magic
    def governed(self, line: str, cell: str) -> None:
        """%%governed --cost X [--level N] [--tool NAME]: runs the cell if that is allowed."""
        _tell(lambda: self._run(line, cell))

    def _run(self, line: str, cell: str) -> None:
        usage = "%%governed --cost X [--level N] [--tool NAME]"
        given = Arguments(line, options=("--cost", "--level", "--tool"), word=None, usage=usage)
        cost, level, tool = given.number("--cost"), given.level("--level"), given.text("--tool")
        if cost < 0:
            raise BadInput(f"--cost must be >= 0; got {cost}.")
        session = get_session()
        try:
            permit = session.permit(cost, action_type="notebook_cell", level=level, tool=tool)
        except GovernanceDeniedError as denied:
            print(session.denial(denied, cost))
            return
        shell: Any = self.shell
        # Whatever ends the cell, an interrupt included, ends the permit: what it may have done is paid for.
        with permit:
            result = shell.run_cell(cell)
            error = result.error_before_exec or result.error_in_exec
            if error is not None:
                raise GovernedCellFailed(f"the cell raised {type(error).__name__}; its cost of {_money(cost)} is booked")


def _tell(act: Callable[[], None]) -> None:
    try:
        act()
    except NotActive as none:
        print(none)
    except BadInput as bad:
        print(f"Error: {bad}")
    except GovernanceError as error:
        print(f"Error: {error}")


def _enable(line: str) -> None:
    usage = "%governance --trust-level N --budget X [--agent ID]"
    given = Arguments(line, options=("--trust-level", "--budget", "--agent"), word=None, usage=usage)
    level, budget = given.needed_level("--trust-level"), given.number("--budget")
    if budget < 0:
        raise BadInput(f"--budget must be >= 0; got {budget}.")
    before = get_session().enable(level, budget, given.text("--agent") or DEFAULT_AGENT)
    if before is not None:
        _told_total(before)
    print(f"Governance enabled: trust_level=L{level}, budget={_money(budget)}")


def _status(line: str) -> None:
    Arguments(line, options=(), word=None, usage="%governance_status")
    status = get_session().status()
    if status is None:
        print("Governance: INACTIVE")
    else:
        show: Any = display
        show({"text/plain": str(status), "text/html": status._repr_html_()}, raw=True)


def _spend(line: str) -> None:
    usage = "%governance_spend X [--tool NAME]"
    given = Arguments(line, options=("--tool",), word="amount", usage=usage)
    amount, tool = given.word_number(), given.text("--tool")
    if amount <= 0:
        raise BadInput(f"amount must be positive; got {amount}.")
    session = get_session()
    try:
        now = session.spend(amount, tool)
    except GovernanceDeniedError as denied:
        print(session.denial(denied, amount))
        return
    what = "" if tool is None else f" for {tool}"
    print(f"Recorded: {_money(amount)}{what} ({money(now.remaining)} remaining)")


def _disable(line: str) -> None:
    Arguments(line, options=(), word=None, usage="%governance_disable")
    _told_total(get_session().disable())


def _told_total(last: SessionStatus) -> None:
    print(f"Governance disabled. Session total: {money(last.spent)} / {money(last.limit)}")


def _money(amount: float) -> str:
    return money(Decimal(repr(amount)))
