"""A FastAPI application whose requests are actions: all of them by the middleware, one route by a dependency of its own.

    uvicorn examples.fastapi_middleware:app
    curl -i localhost:8000/notes -H 'Authorization: Bearer reader-token'
    curl -i -X POST localhost:8000/summaries -H 'Authorization: Bearer reader-token'
    curl -i -X POST localhost:8000/summaries -H 'Authorization: Bearer writer-token'
"""

from __future__ import annotations

from typing import Annotated, Any

from aumos_governance import GovernanceAction, GovernanceEngine, Permit, TrustLevel
from aumos_governance.integrations.asgi import Asked, GovernanceMiddleware, NotAnAction
from aumos_governance.integrations.fastapi import add_problem_details, governed_request
from fastapi import Depends, FastAPI, Request

# Who is calling has to come from a credential. Verify yours; these stand in for it.
TOKENS = {"reader-token": "reader", "writer-token": "writer"}

engine = GovernanceEngine()
engine.trust.set_level("reader", TrustLevel.L1_MONITOR, assigned_by="ops@example.com")
engine.trust.set_level("writer", TrustLevel.L3_ACT_APPROVE, assigned_by="ops@example.com")
engine.budget.create_budget("requests", calls=1000, period="daily")
engine.budget.create_budget("summaries", limit=0.05, period="daily")


def agent_of(authorization: str | None) -> str:
    agent = TOKENS.get((authorization or "").removeprefix("Bearer "))
    if agent is None:
        raise NotAnAction.unauthenticated()
    return agent


def asked(scope: Any) -> Asked:
    """Each request is one call of the day, and needs to be allowed to look."""
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    agent = agent_of(headers.get("authorization"))
    action = GovernanceAction(
        agent,
        required_trust_level=TrustLevel.L1_MONITOR,
        budget_category="requests",
        budget_calls=1,
        action_type="http_request",
        resource=scope["path"],
    )
    return Asked(action, is_authenticated=True)


def summary_asked(request: Request) -> GovernanceAction:
    """A summary costs money, and needs more."""
    return GovernanceAction(
        agent_of(request.headers.get("authorization")),
        required_trust_level=TrustLevel.L3_ACT_APPROVE,
        budget_category="summaries",
        budget_amount="0.02",
        action_type="llm_completion",
    )


api = FastAPI()
add_problem_details(api)


@api.get("/notes")
def notes() -> list[str]:
    return ["buy milk"]


@api.post("/summaries")
def summarise(permit: Annotated[Permit, Depends(governed_request(engine, summary_asked, is_authenticated=True))]) -> dict[str, str | None]:
    # The tool runs here; what it really cost is what is booked.
    permit.settle(cost="0.015")
    return {"summary": "milk", "record_id": permit.record_id}


app = GovernanceMiddleware(api, engine, asked)
