"""What to look for in the audit log, and what was found."""

from aumos_governance._core import AuditFilter, AuditQueryResult, AuditRecord

__all__ = ["AuditFilter", "AuditQueryResult", "AuditRecord"]
