"""``GovernedAnthropicClient`` over the real ``anthropic`` package, against a provider on this machine (seed-acceptance, row S2-10)."""

from __future__ import annotations

import asyncio
import threading
from decimal import Decimal
from typing import Any

import anthropic
import pytest
from aumos_governance import GovernanceDeniedError, GovernanceEngine
from aumos_governance.integrations.anthropic_wrapper import (
    GovernedAnthropicClient,
    GovernedAsyncAnthropicClient,
    HoldUsedUpError,
    StreamBrokenError,
)
from model_calls import AGENT, PRICES, engine_for, hello, provider, spent  # noqa: F401
from provider_server import Provider

MODEL = "claude-opus-4-6"
MESSAGE = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": MODEL,
    "content": [{"type": "text", "text": "Hi"}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {"input_tokens": 8, "output_tokens": 12, "cache_read_input_tokens": 0, "cache_creation_input_tokens": 0},
}
#: 8 tokens in at 5 and 12 out at 25 for a million.
COST = Decimal("0.00034")


def raw(provider: Provider) -> anthropic.Anthropic:
    return anthropic.Anthropic(api_key="k", base_url=provider.url)


def governed(provider: Provider, engine: GovernanceEngine, **terms: Any) -> GovernedAnthropicClient:
    return GovernedAnthropicClient(
        anthropic_client=raw(provider),
        governance_engine=engine,
        agent_id=AGENT,
        default_cost=0.05,
        **{"prices": PRICES, **terms},
    )


def events(*texts: str, output: int = 12) -> list[dict[str, Any]]:
    start = {**MESSAGE, "content": [], "stop_reason": None, "usage": {"input_tokens": 8, "output_tokens": 1}}
    return [
        {"type": "message_start", "message": start},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        *({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}} for text in texts),
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": None}, "usage": {"output_tokens": output}},
        {"type": "message_stop"},
    ]


def test_spend_is_recorded_from_the_usage_and_output_is_bounded(provider: Provider) -> None:
    engine = engine_for("anthropic")
    client = governed(provider, engine)
    provider.answers(MESSAGE)
    message = client.messages.create(model=MODEL, max_tokens=30_000, **hello())
    assert message.content[0].type == "text"
    assert spent(engine, "anthropic") == COST
    # 0.05 USD less the input's worst case, at 25 USD for a million tokens.
    assert 1900 < provider.sent["max_tokens"] < 2000
    provider.answers(MESSAGE)
    client.governed_message(MODEL, hello()["messages"], 50, estimated_cost=1)
    assert provider.sent["max_tokens"] == 50
    assert [(record.call_type, record.ending) for record in client.audit_log] == [("message", "settled")] * 2


def test_a_denied_call_is_not_sent(provider: Provider) -> None:
    client = governed(provider, engine_for("anthropic", limit=0))
    with pytest.raises(GovernanceDeniedError):
        client.messages.create(model=MODEL, max_tokens=10, **hello())
    with pytest.raises(GovernanceDeniedError), client.messages.stream(model=MODEL, max_tokens=10, **hello()):
        pass
    assert provider.requests == []
    assert [record.allowed for record in client.audit_log] == [False, False]


def test_events_settle_at_the_last_report(provider: Provider) -> None:
    engine = engine_for("anthropic")
    client = governed(provider, engine)
    provider.streams(*events("Hi", " there"), named=True)
    seen = [event.type for event in client.messages.create(model=MODEL, max_tokens=100, stream=True, **hello())]
    assert seen[0] == "message_start"
    assert seen[-1] == "message_stop"
    assert spent(engine, "anthropic") == COST


@pytest.mark.parametrize("read", ["text_stream", "get_final_message", "get_final_text", "events", "until_done"])
def test_the_helper_for_streams_is_governed(provider: Provider, read: str) -> None:
    engine = engine_for("anthropic")
    client = governed(provider, engine)
    provider.streams(*events("Hi", " there"), named=True)
    with client.messages.stream(model=MODEL, max_tokens=100, **hello()) as stream:
        if read == "text_stream":
            assert "".join(stream.text_stream) == "Hi there"
        elif read == "events":
            assert "text" in [event.type for event in stream]
        elif read == "until_done":
            stream.until_done()
            assert stream.current_message_snapshot.stop_reason == "end_turn"
        elif read == "get_final_text":
            assert stream.get_final_text() == "Hi there"
        else:
            assert stream.get_final_message().usage.output_tokens == 12
    assert spent(engine, "anthropic") == COST
    assert [record.ending for record in client.audit_log] == ["settled"]


def test_a_stream_that_is_left_settles_at_the_hold(provider: Provider) -> None:
    engine = engine_for("anthropic")
    client = governed(provider, engine)
    never = threading.Event()
    provider.streams(*events("Hi")[:3], named=True, waits=never)
    with client.messages.stream(model=MODEL, max_tokens=100, **hello()) as stream:
        assert next(stream.text_stream) == "Hi"
    never.set()
    [record] = client.audit_log
    assert record.ending == "failed"
    assert spent(engine, "anthropic") == Decimal(repr(record.estimated_cost)) > COST


def test_a_stream_whose_model_hides_nothing_settles_at_what_was_seen(provider: Provider) -> None:
    engine = engine_for("anthropic")
    client = governed(provider, engine)
    provider.streams(*events("Hi")[:3], named=True)
    with pytest.raises(StreamBrokenError) as broken:
        list(client.messages.create(model=MODEL, max_tokens=100, thinking={"type": "disabled"}, stream=True, **hello()))
    assert broken.value.code == "STREAM_BROKEN"
    # 8 tokens in, as reported, and two bytes out.
    assert spent(engine, "anthropic") == Decimal("0.00009")


def test_a_stream_is_cut_when_its_reports_exceed_the_hold(provider: Provider) -> None:
    engine = engine_for("anthropic")
    client = governed(provider, engine)
    never = threading.Event()
    texts = ["word "] * 40
    provider.streams(*events(*texts)[:-3], named=True, waits=never)
    with pytest.raises(HoldUsedUpError), client.messages.stream(model=MODEL, max_tokens=10, **hello()) as stream:
        stream.until_done()
    never.set()
    assert client.audit_log[0].ending == "failed"


def test_an_error_in_the_stream_ends_it(provider: Provider) -> None:
    engine = engine_for("anthropic")
    client = governed(provider, engine)
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "m"}}
    provider.streams(*events("Hi")[:3], error, named=True)
    with pytest.raises(anthropic.APIStatusError):
        list(client.messages.create(model=MODEL, max_tokens=100, stream=True, **hello()))
    [record] = client.audit_log
    assert record.ending == "failed"
    assert spent(engine, "anthropic") == Decimal(repr(record.estimated_cost))


def test_what_is_not_governed_is_not_there(provider: Provider) -> None:
    client: Any = governed(provider, engine_for("anthropic"))
    for reach in [lambda: client.beta, lambda: client.completions, lambda: client.messages.batches, lambda: client.messages.parse]:
        with pytest.raises(AttributeError, match="is not governed"):
            reach()


def test_the_asynchronous_client_does_the_same(provider: Provider) -> None:
    engine = engine_for("anthropic")

    async def run() -> None:
        async with anthropic.AsyncAnthropic(api_key="k", base_url=provider.url) as inner:
            client = GovernedAsyncAnthropicClient(inner, engine, AGENT, 0.05, prices=PRICES)
            provider.answers(MESSAGE)
            await client.messages.create(model=MODEL, max_tokens=100, **hello())
            provider.streams(*events("Hi", " there"), named=True)
            async with client.messages.stream(model=MODEL, max_tokens=100, **hello()) as stream:
                assert "".join([text async for text in stream.text_stream]) == "Hi there"
            provider.streams(*events("Hi", " there"), named=True)
            async with client.messages.stream(model=MODEL, max_tokens=100, **hello()) as stream:
                assert await stream.get_final_text() == "Hi there"
            provider.answers(MESSAGE)
            await client.governed_message(MODEL, hello()["messages"], 100)
            assert spent(engine, "anthropic") == 4 * COST
            engine.trust.set_level(AGENT, 0)
            with pytest.raises(GovernanceDeniedError):
                async with client.messages.stream(model=MODEL, max_tokens=100, **hello()):
                    pass
            assert [record.allowed for record in client.audit_log] == [True] * 4 + [False]

    asyncio.run(run())


def test_the_clients_are_told_apart(provider: Provider) -> None:
    engine = engine_for("anthropic")
    with pytest.raises(TypeError, match="GovernedAnthropicClient"):
        GovernedAsyncAnthropicClient(raw(provider), engine, AGENT, 0.05)  # type: ignore[arg-type]
