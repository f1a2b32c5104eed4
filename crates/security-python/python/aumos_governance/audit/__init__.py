"""The audit log."""

from aumos_governance._core import AuditLogger, Receipt, VerificationReport
from aumos_governance.audit.query import AuditFilter, AuditQueryResult, AuditRecord

__all__ = [
    "AuditFilter",
    "AuditLogger",
    "AuditQueryResult",
    "AuditRecord",
    "Receipt",
    "VerificationReport",
]
