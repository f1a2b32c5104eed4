"""A governed OpenAI client: held before, bounded, settled from the real usage. Against a provider of its own: no network, no key.

    python examples/openai_client.py
"""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import openai
from aumos_governance import GovernanceDeniedError, GovernanceEngine, TrustLevel
from aumos_governance.integrations.openai_wrapper import GovernedOpenAIClient, PriceTable

PRICES = PriceTable.from_json(
    '{"models": [{"provider": "openai", "model": "gpt-4o", "input": "2.50", "output": "10.00", "max_output_tokens": 16384}]}'
)


class Provider(BaseHTTPRequestHandler):
    """Answers as OpenAI does."""

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["content-length"])))
        print(f"the provider is asked for at most {request['max_completion_tokens']} tokens")
        choice = {"index": 0, "message": {"role": "assistant", "content": "Hello!"}, "finish_reason": "stop"}
        usage = {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12}
        answer = {"id": "c", "object": "chat.completion", "created": 1, "model": "gpt-4o", "choices": [choice], "usage": usage}
        content = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        pass


def main() -> None:
    server = HTTPServer(("127.0.0.1", 0), Provider)
    threading.Thread(target=server.serve_forever, daemon=True).start()

    engine = GovernanceEngine()
    engine.trust.set_level("desk-assistant", TrustLevel.L2_SUGGEST, assigned_by="ops@example.com")
    engine.budget.create_budget("openai", limit=0.01, period="daily")

    client = GovernedOpenAIClient(
        openai_client=openai.OpenAI(api_key="none", base_url=f"http://127.0.0.1:{server.server_port}/v1"),
        governance_engine=engine,
        agent_id="desk-assistant",
        default_cost=0.005,
        prices=PRICES,
    )
    answer = client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": "Hello"}])
    print(answer.choices[0].message.content)
    try:
        client.governed_chat_completion("gpt-4o", [{"role": "user", "content": "Hello"}], max_tokens=2000, estimated_cost=1)
    except GovernanceDeniedError as denied:
        print(f"denied: {denied.decision.code}")
    for record in client.audit_log:
        print(record.call_type, record.allowed, record.actual_cost)
    server.shutdown()


if __name__ == "__main__":
    main()
