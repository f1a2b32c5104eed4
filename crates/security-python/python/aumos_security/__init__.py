"""The security stack, component by component: a trust gate, a budget for each session, and an audit log.

The same engine as ``aumos_governance``, whose ``evaluate`` and ``authorize`` make one decision of all of them.
"""

from aumos_governance.types import TrustLevel
from aumos_security._stack import (
    AuditLog,
    AuditRecord,
    BudgetEnforcerConfig,
    SecurityStack,
    SecurityStackConfig,
    ToolRequest,
    TrustGateConfig,
    create_security_stack,
)

__all__ = [
    "AuditLog",
    "AuditRecord",
    "BudgetEnforcerConfig",
    "SecurityStack",
    "SecurityStackConfig",
    "ToolRequest",
    "TrustGateConfig",
    "TrustLevel",
    "create_security_stack",
]
