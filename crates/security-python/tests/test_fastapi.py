"""The middleware for any ASGI application, and the dependency, over the real FastAPI."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Annotated, Any

import pytest
from aumos_governance import GovernanceAction, GovernanceEngine, Permit
from aumos_governance.integrations.asgi import Asked, GovernanceMiddleware, NotAnAction
from aumos_governance.integrations.fastapi import add_problem_details, governed_request
from fastapi import Depends, FastAPI, Header, HTTPException, Request, WebSocket
from fastapi.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

AGENT = "web"


@pytest.fixture
def engine() -> GovernanceEngine:
    engine = GovernanceEngine()
    engine.trust.set_level(AGENT, 2)
    engine.budget.create_budget("api", limit=1, period="daily")
    return engine


def spent(engine: GovernanceEngine) -> Decimal:
    used = engine.budget.get_utilization("api")
    assert used.reserved == 0
    return used.spent_exact


def last_ending(engine: GovernanceEngine) -> str:
    return str(engine.audit.latest(1)[0].to_dict())


def application() -> FastAPI:
    app = FastAPI()

    @app.get("/ok")
    def ok() -> dict[str, bool]:
        return {"ok": True}

    @app.get("/less")
    def less(request: Request) -> None:
        request.scope["aumos.permit"].settle(cost="0.1")

    @app.get("/bad")
    def bad() -> None:
        raise HTTPException(400)

    @app.get("/broken")
    def broken() -> None:
        raise RuntimeError("secret")

    @app.websocket("/socket")
    async def socket(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.send_text("hi")
        await websocket.close()

    return app


def governed_app(engine: GovernanceEngine, *, known: bool = True, level: int = 2, cost: float = 0.25) -> TestClient:
    async def asked(scope: Any) -> Asked:
        headers = dict(scope["headers"])
        if b"x-agent" not in headers:
            raise NotAnAction.unauthenticated()
        agent = headers[b"x-agent"].decode()
        if agent == "nonsense":
            raise NotAnAction.invalid("no such name")
        action = GovernanceAction(agent, required_trust_level=level, budget_category="api", budget_amount=cost, resource=scope["path"])
        return Asked(action, is_authenticated=known)

    app = GovernanceMiddleware(application(), engine, asked)
    return TestClient(app, headers={"x-agent": AGENT}, raise_server_exceptions=False)


def test_a_permitted_request_reaches_the_application_and_is_booked(engine: GovernanceEngine) -> None:
    client = governed_app(engine)
    assert client.get("/ok").json() == {"ok": True}
    assert spent(engine) == Decimal("0.25")
    assert client.get("/less").status_code == 200
    assert spent(engine) == Decimal("0.35")
    assert client.get("/bad").status_code == 400
    assert spent(engine) == Decimal("0.6")


def test_a_denial_is_a_problem_and_tells_more_to_callers_that_are_known(engine: GovernanceEngine) -> None:
    response = governed_app(engine, level=3).get("/ok")
    assert response.status_code == 403
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["cache-control"] == "no-store"
    body = response.json()
    record_id = body.pop("record_id")
    assert engine.audit.get(record_id)[0].outcome == "deny"
    assert body == {
        "type": "urn:aumos:secstack:trust_too_low",
        "title": "The agent's trust level does not allow this",
        "status": 403,
        "code": "trust_too_low",
        "detail": "Agent 'web' has trust level Suggest (2), which is below the required level Act (Approval Required) (3).",
    }
    unknown = governed_app(engine, known=False, level=3).get("/ok").json()
    assert set(unknown) == {"type", "title", "status", "code"}


def test_a_budget_that_is_used_up_is_a_429_with_when_to_come_back(engine: GovernanceEngine) -> None:
    response = governed_app(engine, cost=2).get("/ok")
    assert (response.status_code, response.json()["code"]) == (429, "exceeds_budget")
    assert spent(engine) == 0
    stranger = governed_app(engine, known=False, cost=2).get("/ok")
    assert (stranger.status_code, stranger.headers.get("retry-after")) == (429, None)


def test_a_request_that_is_no_action_is_answered_and_not_recorded(engine: GovernanceEngine) -> None:
    client = governed_app(engine)
    before = engine.audit.count()
    del client.headers["x-agent"]
    response = client.get("/ok")
    assert (response.status_code, response.headers["www-authenticate"]) == (401, "Bearer")
    response = client.get("/ok", headers={"x-agent": "nonsense"})
    assert (response.status_code, response.json()["detail"]) == (400, "no such name")
    response = client.get("/ok", headers={"x-agent": "x" * 300})
    assert (response.status_code, response.json()["code"]) == (400, "invalid_request")
    assert engine.audit.count() == before


def test_an_application_that_breaks_has_failed_and_says_nothing(engine: GovernanceEngine) -> None:
    response = governed_app(engine).get("/broken")
    assert response.status_code == 500
    assert spent(engine) == Decimal("0.25")
    assert "the service answered 500" in last_ending(engine)
    assert "secret" not in last_ending(engine)


def test_an_engine_that_cannot_decide_is_a_503(engine: GovernanceEngine) -> None:
    client = governed_app(engine)
    engine.close()
    response = client.get("/ok")
    assert (response.status_code, response.json()["code"]) == (503, "internal_error")


def test_a_websocket_is_one_action(engine: GovernanceEngine) -> None:
    with governed_app(engine).websocket_connect("/socket") as socket:
        assert socket.receive_text() == "hi"
    assert spent(engine) == Decimal("0.25")
    with pytest.raises(WebSocketDisconnect) as refused, governed_app(engine, level=5).websocket_connect("/socket"):
        pass
    assert refused.value.code == 1008


@pytest.mark.parametrize("ending", ["cancelled", "raised", "silent"])
def test_a_request_without_an_answer_books_what_is_held(engine: GovernanceEngine, ending: str) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        if ending == "raised":
            raise KeyError("x")
        if ending == "cancelled":
            await asyncio.Event().wait()

    def asked(scope: Any) -> Asked:
        return Asked(GovernanceAction(AGENT, budget_category="api", budget_amount=0.25))

    async def nothing(*_: Any) -> Any:
        return {}

    async def run() -> None:
        task = asyncio.ensure_future(GovernanceMiddleware(app, engine, asked)({"type": "http"}, nothing, nothing))
        for _ in range(10):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(run())
    assert spent(engine) == Decimal("0.25")


def test_lifespan_passes(engine: GovernanceEngine) -> None:
    with governed_app(engine) as client:
        assert client.get("/ok").status_code == 200


def routed(engine: GovernanceEngine, *, problems: bool = True) -> TestClient:
    app = FastAPI()

    def caller(x_agent: Annotated[str | None, Header()] = None) -> str:
        if x_agent is None:
            raise NotAnAction.unauthenticated()
        return x_agent

    def asked(agent: str = Depends(caller), cost: float = 0.25) -> GovernanceAction:
        return GovernanceAction(agent, required_trust_level=2, budget_category="api", budget_amount=cost)

    governed = Depends(governed_request(engine, asked, is_authenticated=True))

    @app.get("/held")
    async def held(permit: Permit = governed) -> dict[str, str | None]:
        return {"record_id": permit.record_id}

    @app.get("/less")
    def less(permit: Permit = governed) -> None:
        permit.settle(cost="0.1")

    @app.get("/bad")
    async def bad(permit: Permit = governed) -> None:
        raise HTTPException(404)

    @app.get("/broken")
    async def broken(permit: Permit = governed) -> None:
        raise RuntimeError("secret")

    if problems:
        add_problem_details(app)
    return TestClient(app, headers={"x-agent": AGENT}, raise_server_exceptions=False)


def test_a_route_runs_under_its_permit(engine: GovernanceEngine) -> None:
    client = routed(engine)
    record_id = client.get("/held").json()["record_id"]
    assert len(engine.audit.get(record_id)) == 2
    assert spent(engine) == Decimal("0.25")
    assert client.get("/less").status_code == 200
    assert spent(engine) == Decimal("0.35")
    assert client.get("/bad").status_code == 404
    assert spent(engine) == Decimal("0.6")
    assert "settled" in last_ending(engine)
    assert client.get("/broken").status_code == 500
    assert spent(engine) == Decimal("0.85")
    assert "RuntimeError" in last_ending(engine)
    assert "secret" not in last_ending(engine)


@pytest.mark.parametrize("problems", [True, False])
def test_a_denied_route_does_not_run(engine: GovernanceEngine, problems: bool) -> None:
    client = routed(engine, problems=problems)
    response = client.get("/held", params={"cost": 2})
    assert response.status_code == 429
    body = response.json() if problems else response.json()["detail"]
    assert body["code"] == "exceeds_budget"
    assert response.headers["content-type"] == ("application/problem+json" if problems else "application/json")
    assert client.get("/held", headers={"x-agent": "stranger"}).status_code == 403
    assert spent(engine) == 0


def test_a_caller_without_a_name_is_asked_for_one(engine: GovernanceEngine) -> None:
    client = routed(engine)
    del client.headers["x-agent"]
    assert client.get("/held").status_code == 401
