"""``governed_request``: a FastAPI dependency that holds a permit while a route runs (extra ``fastapi``).

.. code-block:: python

    def asked(request: Request, agent: Annotated[str, Depends(verified_agent)]) -> GovernanceAction:
        return GovernanceAction(agent, required_trust_level=2, budget_category="api", budget_amount=0.01)

    Governed = Annotated[Permit, Depends(governed_request(engine, asked))]

    @app.post("/summaries")
    async def summarise(permit: Governed) -> Summary:
        ...
        permit.settle(cost=0.004)

    add_problem_details(app)

``asked`` is a dependency itself, so that it can ask for whatever routes can. A denial is a :class:`GovernanceHTTPError` with the status of
:mod:`.problems`. The permit settles at what is held when the route returns or raises an ``HTTPException`` below 500, and fails when it raises another
error; a route that knows what was used settles it itself.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.responses import Response

from aumos_governance import GovernanceAction, GovernanceDeniedError, GovernanceEngine, GovernanceError, InvalidArgumentError, Permit, StoreError
from aumos_governance.integrations.problems import MEDIA_TYPE, NotAnAction, Problem, internal, of_decision

__all__ = ["GovernanceHTTPError", "NotAnAction", "add_problem_details", "governed_request"]


class GovernanceHTTPError(HTTPException):
    """The request may not run. Without :func:`add_problem_details` it is answered in FastAPI's own form."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.status, detail=problem.body(), headers=problem.headers())
        self.problem = problem


def governed_request(
    engine: GovernanceEngine, asked: Callable[..., Any], *, is_authenticated: bool = False
) -> Callable[..., AsyncIterator[Permit]]:
    """A dependency that gives the permit for what ``asked`` returns, a :class:`GovernanceAction`.

    ``is_authenticated`` says that ``asked`` depends on a verified credential: only then is a caller told why it was denied.
    """

    async def permitted(action: Any = Depends(asked)) -> AsyncIterator[Permit]:
        if not isinstance(action, GovernanceAction):
            raise TypeError(f"{asked!r} has to return a GovernanceAction, not {type(action).__name__}")
        try:
            permit = await engine.authorize(action)
        except GovernanceDeniedError as denied:
            names_tool = action.tool is not None
            problem = of_decision(denied.decision, names_tool=names_tool, is_authenticated=is_authenticated)
            raise GovernanceHTTPError(problem) from None
        except InvalidArgumentError as invalid:
            refused = NotAnAction.invalid(str(invalid) if is_authenticated else None)
            raise GovernanceHTTPError(refused.problem) from None
        except GovernanceError:
            raise GovernanceHTTPError(internal()) from None
        try:
            yield permit
        except BaseException as error:
            # Whoever is cancelled cannot wait. What an HTTPException below 500 says is an answer.
            status = error.status_code if isinstance(error, HTTPException) else None
            _end(permit, None if status is not None and status < 500 else type(error).__name__)
            raise
        _end(permit, None)

    return permitted


def add_problem_details(app: FastAPI) -> None:
    """Answers denials, and :class:`NotAnAction`, as ``application/problem+json``."""

    async def denied(_request: Request, error: Exception) -> Response:
        problem = error.problem if isinstance(error, GovernanceHTTPError | NotAnAction) else internal()
        return Response(problem.content(), problem.status, problem.headers(), MEDIA_TYPE)

    app.add_exception_handler(GovernanceHTTPError, denied)
    app.add_exception_handler(NotAnAction, denied)


def _end(permit: Permit, failure: str | None) -> None:
    if permit.is_ended:
        return
    # An outcome that could not be stored changes no answer, for the action has run.
    with contextlib.suppress(StoreError):
        if failure is None:
            permit.settle()
        else:
            permit.fail(failure)
