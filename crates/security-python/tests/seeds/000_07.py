from aumos_governance import AuditFilter, GovernanceOutcome

results = engine.audit.query(
    AuditFilter(agent_id="agent-id", outcome=GovernanceOutcome.DENY)
)
for record in results.records:
    print(record.record_id, record.decision)
