engine.consent.record_consent(
    agent_id="agent-id",
    data_type="user_email",
    purpose="notifications",
    granted_by="data-owner",
)
result = engine.consent.check_consent("agent-id", "user_email", "notifications")
# result.granted → True
