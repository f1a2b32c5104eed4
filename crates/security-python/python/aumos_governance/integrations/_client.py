"""What the governed clients of all providers have in common: their terms, their records, and that nothing else can be reached."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypedDict

from aumos_governance import GovernanceEngine, TrustLevel
from aumos_governance._core import PriceTable
from aumos_governance.integrations._governor import Governor, Money
from aumos_governance.integrations._resource import not_governed
from aumos_governance.integrations.records import CallLog, CallRecord

if TYPE_CHECKING:
    from typing_extensions import Unpack


class ClientTerms(TypedDict, total=False):
    """The keywords that every governed client takes."""

    budget_category: str
    """The budget to charge: ``openai`` or ``anthropic``, unless it is named. It has to exist."""
    required_trust_level: TrustLevel | int
    """The level that a call needs: ``L2_SUGGEST``, unless it is named."""
    prices: PriceTable | None
    """What models cost. A model that it does not have is refused."""
    provider: str | None
    """The name under which ``prices`` has the models, where it is another than the provider's own."""
    default_max_output: int | None
    """The output, in tokens, of requests that say nothing about it; else the most that the model can give."""
    session_id: str | None
    """The session in which the agent acts, for the log."""


class GovernedClient:
    """The base of the four; not made by itself."""

    def __init__(
        self,
        governance_engine: GovernanceEngine,
        agent_id: str,
        default_cost: Money | None,
        default_category: str,
        **terms: Unpack[ClientTerms],
    ) -> None:
        unknown = sorted(set(terms) - set(ClientTerms.__annotations__))
        if unknown:
            raise TypeError(f"{type(self).__name__} takes no argument {unknown[0]!r}")
        self._governor = Governor(
            engine=governance_engine,
            agent_id=agent_id,
            default_cost=default_cost,
            budget_category=terms.get("budget_category", default_category),
            required_trust_level=terms.get("required_trust_level", TrustLevel.L2_SUGGEST),
            prices=terms.get("prices"),
            provider=terms.get("provider"),
            default_max_output=terms.get("default_max_output"),
            session_id=terms.get("session_id"),
            log=CallLog(),
        )

    @property
    def audit_log(self) -> list[CallRecord]:
        """The newest calls, oldest first, denied ones included; at most 10 000. All of them are in ``engine.audit``."""
        return self._governor.log.records()

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            if name.startswith("__"):
                raise AttributeError(name)
            raise not_governed(name, name)
