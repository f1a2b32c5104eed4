"""A governed Anthropic client that streams. Against a provider of its own: no network, no key.

    python examples/anthropic_client.py
"""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import anthropic
from aumos_governance import GovernanceEngine, TrustLevel
from aumos_governance.integrations.anthropic_wrapper import GovernedAnthropicClient, PriceTable

PRICES = PriceTable.from_json('{"models": [{"provider": "anthropic", "model": "claude-opus-4-6", "input": "5", "output": "25"}]}')

MESSAGE: dict[str, Any] = {"id": "m", "type": "message", "role": "assistant", "model": "claude-opus-4-6", "content": [], "stop_reason": None}
EVENTS: list[dict[str, Any]] = [
    {"type": "message_start", "message": {**MESSAGE, "usage": {"input_tokens": 9, "output_tokens": 1}}},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hel"}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "lo!"}},
    {"type": "content_block_stop", "index": 0},
    {"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": None}, "usage": {"output_tokens": 3}},
    {"type": "message_stop"},
]


class Provider(BaseHTTPRequestHandler):
    """Streams as Anthropic does."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.end_headers()
        for event in EVENTS:
            self.wfile.write(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode())

    def log_message(self, format: str, *args: object) -> None:
        pass


def main() -> None:
    server = HTTPServer(("127.0.0.1", 0), Provider)
    threading.Thread(target=server.serve_forever, daemon=True).start()

    engine = GovernanceEngine()
    engine.trust.set_level("desk-assistant", TrustLevel.L2_SUGGEST, assigned_by="ops@example.com")
    engine.budget.create_budget("anthropic", limit=1, period="daily")

    client = GovernedAnthropicClient(
        anthropic_client=anthropic.Anthropic(api_key="none", base_url=f"http://127.0.0.1:{server.server_port}"),
        governance_engine=engine,
        agent_id="desk-assistant",
        default_cost=0.05,
        prices=PRICES,
    )
    with client.messages.stream(model="claude-opus-4-6", max_tokens=100, messages=[{"role": "user", "content": "Hello"}]) as stream:
        print("".join(stream.text_stream))
    [record] = client.audit_log
    print(record.call_type, record.ending, record.actual_tokens, record.actual_cost)
    print(f"{engine.budget.get_utilization('anthropic').spent_exact} USD spent")
    server.shutdown()


if __name__ == "__main__":
    main()
