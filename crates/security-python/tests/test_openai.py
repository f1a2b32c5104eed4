"""``GovernedOpenAIClient`` over the real ``openai`` package, against a provider on this machine (seed-acceptance, row S2-10)."""

from __future__ import annotations

import asyncio
import gc
import threading
from decimal import Decimal
from typing import Any

import openai
import pytest
from aumos_governance import GovernanceDeniedError, GovernanceEngine, InvalidArgumentError
from aumos_governance.integrations.openai_wrapper import (
    CallRefusedError,
    GovernedAsyncOpenAIClient,
    GovernedOpenAIClient,
    HoldUsedUpError,
    StreamBrokenError,
)
from model_calls import AGENT, PRICES, engine_for, hello, kinds, provider, spent  # noqa: F401
from provider_server import Provider, unreachable

COMPLETION = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1,
    "model": "gpt-4o-2024-08-06",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 8, "completion_tokens": 12, "total_tokens": 20},
}
#: 8 tokens in at 2.50 and 12 out at 10.00 for a million.
COMPLETION_COST = Decimal("0.00014")


def raw(url: str, **more: Any) -> openai.OpenAI:
    return openai.OpenAI(api_key="k", base_url=f"{url}/v1", **more)


def raw_async(url: str) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(api_key="k", base_url=f"{url}/v1")


def governed(provider: Provider, engine: GovernanceEngine, **terms: Any) -> GovernedOpenAIClient:
    return GovernedOpenAIClient(
        openai_client=raw(provider.url),
        governance_engine=engine,
        agent_id=AGENT,
        default_cost=terms.pop("default_cost", 0.01),
        **{"prices": PRICES, **terms},
    )


def chunk(text: str | None = None, finish: str | None = None, usage: dict[str, int] | None = None) -> dict[str, Any]:
    choices = [] if usage else [{"index": 0, "delta": {} if text is None else {"content": text}, "finish_reason": finish}]
    base = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4o", "choices": choices}
    return {**base, "usage": usage} if usage else base


USAGE = {"prompt_tokens": 8, "completion_tokens": 12, "total_tokens": 20}


def test_spend_is_recorded_from_the_usage(provider: Provider) -> None:
    engine = engine_for("openai")
    client = governed(provider, engine)
    provider.answers(COMPLETION)
    response = client.chat.completions.create(model="gpt-4o", **hello())
    assert response.choices[0].message.content == "Hi"
    assert spent(engine, "openai") == COMPLETION_COST
    [record] = client.audit_log
    assert (record.call_type, record.allowed, record.model) == ("chat_completion", True, "gpt-4o")
    # As many whole tokens as one cent pays for.
    assert 0.00999 < record.estimated_cost <= 0.01
    assert (record.actual_cost, record.actual_tokens, record.ending) == (float(COMPLETION_COST), 20, "settled")
    assert len(kinds(engine, record.record_id)) == 2
    assert engine.audit.verify().ok


def test_output_is_bounded_by_what_is_held_and_never_raised(provider: Provider) -> None:
    client = governed(provider, engine_for("openai"))
    for asked, sent in [({}, "bounded"), ({"max_completion_tokens": 5}, 5), ({"max_tokens": 7}, 7), ({"extra_body": {"max_tokens": 9_999_999}}, "bounded")]:
        provider.answers(COMPLETION)
        client.chat.completions.create(model="gpt-4o", **hello(**asked))
        limits = {name: limit for name, limit in provider.sent.items() if name.startswith("max")}
        [limit] = limits.values()
        if sent == "bounded":
            # 0.01 USD less the input's worst case, at 10 USD for a million tokens.
            assert 900 < limit < 1000, limits
        else:
            assert limit == sent, limits


def test_a_denied_call_is_not_sent(provider: Provider) -> None:
    engine = engine_for("openai", limit=0.005)
    client = governed(provider, engine)
    with pytest.raises(GovernanceDeniedError) as denied:
        client.chat.completions.create(model="gpt-4o", **hello())
    assert denied.value.decision.code == "exceeds_budget"
    assert provider.requests == []
    [record] = client.audit_log
    assert (record.allowed, record.reason_code, record.ending) == (False, "exceeds_budget", None)
    assert record.record_id == denied.value.decision.audit_record_id


@pytest.mark.parametrize(
    ("level", "category", "code"), [(1, "openai", "trust_too_low"), (2, "other", "no_budget")]
)
def test_trust_and_a_budget_are_needed(provider: Provider, level: int, category: str, code: str) -> None:
    client = governed(provider, engine_for(category, level=level))
    with pytest.raises(GovernanceDeniedError) as denied:
        client.chat.completions.create(model="gpt-4o", **hello())
    assert denied.value.decision.code == code
    assert provider.requests == []


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"model": "gpt-unknown", **hello()}, "unknown_price"),
        ({"model": "gpt-4o", "messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]}, "unbounded_input"),
        ({"model": "gpt-4o", "service_tier": "priority", **hello()}, "priced_otherwise"),
        ({"model": "gpt-4o", "messages": [{"role": "user", "content": "x" * 10_000}]}, "hold_too_small"),
        ({"model": "", **hello()}, "invalid_request"),
        ({"model": "gpt-4o", "extra_body": {"model": "gpt-unknown"}, **hello()}, "unknown_price"),
        ({"model": "gpt-4o", "temperature": float("nan"), **hello()}, "invalid_request"),
    ],
)
def test_what_cannot_be_foreseen_is_refused_and_in_the_log(provider: Provider, arguments: dict[str, Any], reason: str) -> None:
    engine = engine_for("openai")
    client = governed(provider, engine)
    with pytest.raises(CallRefusedError) as refused:
        client.chat.completions.create(**arguments)
    assert (refused.value.code, refused.value.reason_code) == ("CALL_REFUSED", reason)
    assert provider.requests == []
    assert spent(engine, "openai") == 0
    [record] = client.audit_log
    assert (record.allowed, record.reason_code) == (False, reason)
    assert engine.audit.get(record.record_id)[0].event == "llm_refused"


def test_an_answer_without_a_usage_stays_at_the_hold(provider: Provider) -> None:
    engine = engine_for("openai")
    client = governed(provider, engine)
    provider.answers({**COMPLETION, "usage": None})
    client.chat.completions.create(model="gpt-4o", **hello(max_tokens=100))
    [record] = client.audit_log
    assert spent(engine, "openai") == Decimal(repr(record.estimated_cost)) > Decimal("0.001")
    assert record.actual_tokens is None


def test_without_prices_each_call_costs_what_was_estimated(provider: Provider) -> None:
    engine = engine_for("openai")
    client = governed(provider, engine, prices=None)
    provider.answers(COMPLETION)
    client.chat.completions.create(model="anything", **hello(max_tokens=9))
    assert provider.sent["max_tokens"] == 9
    assert spent(engine, "openai") == Decimal("0.01")
    provider.answers(COMPLETION)
    client.governed_chat_completion("gpt-4o", hello()["messages"], estimated_cost="0.25")
    assert spent(engine, "openai") == Decimal("0.26")
    assert [record.estimated_cost for record in client.audit_log] == [0.01, 0.25]


def test_the_other_methods_are_governed_alike(provider: Provider) -> None:
    engine = engine_for("openai")
    client = governed(provider, engine)
    usage = {"input_tokens": 8, "output_tokens": 12, "total_tokens": 20}
    provider.answers({"id": "r", "object": "response", "created_at": 1, "model": "gpt-4o", "output": [], "usage": usage})
    client.responses.create(model="gpt-4o", input="Hello")
    assert 900 < provider.sent["max_output_tokens"] < 1000
    assert spent(engine, "openai") == COMPLETION_COST
    vectors = [{"object": "embedding", "index": 0, "embedding": [0.5]}]
    embedding = {"object": "list", "model": "m", "data": vectors, "usage": {"prompt_tokens": 100, "total_tokens": 100}}
    provider.answers(embedding)
    client.embeddings.create(model="text-embedding-3-small", input="Hello")
    assert spent(engine, "openai") == COMPLETION_COST + Decimal("0.000002")
    provider.answers(embedding)
    client.governed_embedding("text-embedding-3-small", ["Hello"])
    assert [record.call_type for record in client.audit_log] == ["response", "embedding", "embedding"]


def test_what_is_not_governed_is_not_there(provider: Provider) -> None:
    client: Any = governed(provider, engine_for("openai"))
    for reach in [
        lambda: client.images,
        lambda: client.beta,
        lambda: client.chat.completions.parse,
        lambda: client.chat.completions.with_raw_response,
        lambda: client.responses.stream,
        lambda: client.with_options,
    ]:
        with pytest.raises(AttributeError, match="is not governed"):
            reach()


def refusal(code: str) -> dict[str, Any]:
    return {"error": {"message": "m", "type": "requests", "code": code}}


@pytest.mark.parametrize("prices", [PRICES, None])
@pytest.mark.parametrize(
    ("status", "body", "is_free"),
    [
        (429, refusal("rate_limit_exceeded"), True),
        (401, refusal("invalid_api_key"), True),
        (400, refusal("context_length_exceeded"), True),
        (400, refusal("something_else"), False),
        (429, "a proxy's page", False),
        (500, refusal("server_error"), False),
    ],
)
def test_an_error_costs_nothing_only_where_it_comes_before_generation(
    provider: Provider, prices: Any, status: int, body: Any, is_free: bool
) -> None:
    engine = engine_for("openai")
    client = governed(provider, engine, prices=prices)
    provider.answers(body, status=status)
    with pytest.raises(openai.APIStatusError):
        client.chat.completions.create(model="gpt-4o", **hello())
    assert len(provider.requests) == 1, "nothing is sent twice"
    [record] = client.audit_log
    assert spent(engine, "openai") == (0 if is_free else Decimal(repr(record.estimated_cost)))
    assert record.ending == "failed"


@pytest.mark.parametrize("prices", [PRICES, None])
def test_a_connection_that_was_never_made_costs_nothing_and_one_that_broke_the_hold(provider: Provider, prices: Any) -> None:
    engine = engine_for("openai")
    client = GovernedOpenAIClient(raw(unreachable()), engine, AGENT, 0.01, prices=prices)
    with pytest.raises(openai.APIConnectionError):
        client.chat.completions.create(model="gpt-4o", **hello())
    assert spent(engine, "openai") == 0
    assert client.audit_log[0].ending == "cancelled"
    broken = governed(provider, engine, prices=prices)
    provider.breaks()
    with pytest.raises(openai.APIConnectionError):
        broken.chat.completions.create(model="gpt-4o", **hello())
    assert len(provider.requests) == 1
    [record] = broken.audit_log
    assert spent(engine, "openai") == Decimal(repr(record.estimated_cost)) > Decimal("0.0099")


def test_a_stream_settles_at_its_last_report(provider: Provider) -> None:
    engine = engine_for("openai")
    client = governed(provider, engine)
    provider.streams(chunk("Hi"), chunk(" there"), chunk(finish="stop"), chunk(usage=USAGE))
    stream = client.chat.completions.create(model="gpt-4o", stream=True, **hello())
    text = "".join(each.choices[0].delta.content or "" for each in stream if each.choices)
    assert text == "Hi there"
    assert provider.sent["stream_options"] == {"include_usage": True}
    assert spent(engine, "openai") == COMPLETION_COST
    assert client.audit_log[0].ending == "settled"


def test_a_stream_without_a_usage_stays_at_the_hold(provider: Provider) -> None:
    engine = engine_for("openai")
    client = governed(provider, engine)
    provider.streams(chunk("Hi"), chunk(finish="stop"))
    list(client.chat.completions.create(model="gpt-4o", stream=True, **hello()))
    [record] = client.audit_log
    assert record.ending == "settled"
    assert spent(engine, "openai") == Decimal(repr(record.estimated_cost))


def test_a_stream_is_cut_when_its_hold_is_used_up(provider: Provider) -> None:
    engine = engine_for("openai")
    client = governed(provider, engine)
    never = threading.Event()
    provider.streams(*[chunk("word ") for _ in range(50)], done=False, waits=never)
    seen = 0
    with pytest.raises(HoldUsedUpError) as cut:
        for _ in client.chat.completions.create(model="gpt-4o", stream=True, **hello(max_tokens=10)):
            seen += 1
    never.set()
    # One more than the ten that are held shows that there were too many.
    assert seen == 11
    assert cut.value.code == "HOLD_USED_UP"
    [record] = client.audit_log
    assert record.ending == "failed"
    assert spent(engine, "openai") == Decimal(repr(record.actual_cost)) >= Decimal(repr(record.estimated_cost))


@pytest.mark.parametrize("how", ["close", "with", "forget", "break"])
def test_a_stream_that_is_left_settles_at_the_hold(provider: Provider, how: str) -> None:
    engine = engine_for("openai")
    client = governed(provider, engine)
    never = threading.Event()
    provider.streams(chunk("Hi"), chunk(" there"), done=False, waits=never)
    stream: Any = client.chat.completions.create(model="gpt-4o", stream=True, **hello(max_tokens=100))
    if how == "with":
        with stream:
            next(stream)
    elif how == "break":
        for each in stream:
            assert each.choices
            break
    else:
        next(stream)
    if how == "close":
        stream.close()
        stream.close()
    del stream
    gc.collect()
    never.set()
    [record] = client.audit_log
    assert record.ending == "failed"
    assert spent(engine, "openai") == Decimal(repr(record.estimated_cost))


def test_what_was_seen_of_a_stream_is_booked_where_no_output_is_hidden(provider: Provider) -> None:
    engine = engine_for("openai")
    client = governed(provider, engine)
    provider.streams(chunk("Hi"), done=False)
    stream = client.chat.completions.create(model="gpt-4o", stream=True, reasoning_effort="none", **hello(max_tokens=500))
    with pytest.raises(StreamBrokenError):
        list(stream)
    assert 0 < spent(engine, "openai") < Decimal("0.001")


def test_a_stream_that_breaks_settles_at_the_hold(provider: Provider) -> None:
    engine = engine_for("openai")
    client = governed(provider, engine)
    provider.streams(chunk("Hi"), done=False, breaks=True)
    with pytest.raises((openai.APIConnectionError, StreamBrokenError)):
        list(client.chat.completions.create(model="gpt-4o", stream=True, **hello(max_tokens=100)))
    provider.streams(chunk("Hi"), {"error": {"message": "m", "type": "server_error"}}, done=False)
    with pytest.raises(openai.APIError):
        list(client.chat.completions.create(model="gpt-4o", stream=True, **hello(max_tokens=100)))
    held = sum(Decimal(repr(record.estimated_cost)) for record in client.audit_log)
    assert [record.ending for record in client.audit_log] == ["failed", "failed"]
    assert spent(engine, "openai") == held


def test_responses_stream_to_their_last_event(provider: Provider) -> None:
    engine = engine_for("openai")
    client = governed(provider, engine)
    usage = {"input_tokens": 8, "output_tokens": 12, "total_tokens": 20}
    whole = {"id": "r", "object": "response", "created_at": 1, "model": "gpt-4o", "output": [], "usage": usage}
    delta = {"type": "response.output_text.delta", "delta": "Hi", "item_id": "i", "output_index": 0, "content_index": 0, "sequence_number": 1}
    provider.streams(delta, {"type": "response.completed", "response": whole, "sequence_number": 2}, named=True)
    kinds_seen = [event.type for event in client.responses.create(model="gpt-4o", input="Hello", stream=True)]
    assert kinds_seen == ["response.output_text.delta", "response.completed"]
    assert spent(engine, "openai") == COMPLETION_COST


def test_the_asynchronous_client_does_the_same(provider: Provider) -> None:
    engine = engine_for("openai")

    async def run() -> None:
        async with raw_async(provider.url) as inner:
            client = GovernedAsyncOpenAIClient(inner, engine, AGENT, 0.01, prices=PRICES)
            provider.answers(COMPLETION)
            answer = await client.chat.completions.create(model="gpt-4o", **hello())
            assert answer.choices[0].message.content == "Hi"
            assert spent(engine, "openai") == COMPLETION_COST
            provider.streams(chunk("Hi"), chunk(finish="stop"), chunk(usage=USAGE))
            stream = await client.chat.completions.create(model="gpt-4o", stream=True, **hello())
            assert len([each async for each in stream]) == 3
            assert spent(engine, "openai") == 2 * COMPLETION_COST
            provider.answers(refusal("rate_limit_exceeded"), status=429)
            with pytest.raises(openai.RateLimitError):
                await client.governed_chat_completion("gpt-4o", hello()["messages"])
            assert spent(engine, "openai") == 2 * COMPLETION_COST
            engine.trust.set_level(AGENT, 1)
            with pytest.raises(GovernanceDeniedError):
                await client.chat.completions.create(model="gpt-4o", **hello())
            assert [record.ending for record in client.audit_log] == ["settled", "settled", "failed", None]

    asyncio.run(run())


def test_a_coroutine_that_is_cancelled_settles_at_the_hold(provider: Provider) -> None:
    engine = engine_for("openai")
    never = threading.Event()

    async def run() -> None:
        async with raw_async(provider.url) as inner:
            client = GovernedAsyncOpenAIClient(inner, engine, AGENT, 0.01, prices=PRICES)
            provider.streams(chunk("Hi"), done=False, waits=never)
            stream: Any = await client.chat.completions.create(model="gpt-4o", stream=True, **hello(max_tokens=100))
            await anext(stream)
            waiting = asyncio.ensure_future(anext(stream))
            await asyncio.sleep(0)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            [record] = client.audit_log
            assert record.ending == "failed"
            assert spent(engine, "openai") == Decimal(repr(record.estimated_cost))

    try:
        asyncio.run(run())
    finally:
        never.set()


def test_threads_share_a_client_and_the_budget_is_exact(provider: Provider) -> None:
    engine = engine_for("openai", limit=0.1)
    client = governed(provider, engine, prices=None)
    for _ in range(10):
        provider.answers(COMPLETION)
    denied = []

    def call() -> None:
        for _ in range(5):
            try:
                client.chat.completions.create(model="gpt-4o", **hello())
            except GovernanceDeniedError as error:
                denied.append(error.decision.code)

    threads = [threading.Thread(target=call) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert denied == ["exceeds_budget"] * 10
    assert len(provider.requests) == 10
    assert spent(engine, "openai") == Decimal("0.1")


def test_bad_terms_are_told_when_the_client_is_made(provider: Provider) -> None:
    engine = engine_for("openai")
    inner = raw(provider.url)
    with pytest.raises(InvalidArgumentError, match="default_cost"):
        GovernedOpenAIClient(inner, engine, AGENT)
    with pytest.raises(InvalidArgumentError):
        GovernedOpenAIClient(inner, engine, AGENT, -1)
    with pytest.raises(TypeError, match="no argument 'price'"):
        GovernedOpenAIClient(inner, engine, AGENT, 0.01, price=PRICES)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="GovernedAsyncOpenAIClient"):
        GovernedOpenAIClient(raw_async(provider.url), engine, AGENT, 0.01)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="GovernanceEngine"):
        GovernedOpenAIClient(inner, object(), AGENT, 0.01)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="cannot hold a set_iterator|cannot hold a object"):
        governed(provider, engine).chat.completions.create(model="gpt-4o", messages=[object()])  # type: ignore[list-item]
    assert spent(engine, "openai") == 0


def test_what_a_test_stands_in_for_the_package_is_governed_too() -> None:
    class Completions:
        def create(self, **arguments: Any) -> dict[str, Any]:
            return COMPLETION

    class Fake:
        class chat:
            completions = Completions()

    engine = engine_for("openai")
    client = GovernedOpenAIClient(Fake(), engine, AGENT, 0.01, prices=PRICES)  # type: ignore[arg-type]
    assert client.chat.completions.create(model="gpt-4o", messages=iter(hello()["messages"]))
    assert spent(engine, "openai") == COMPLETION_COST
