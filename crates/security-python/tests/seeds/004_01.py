from aumos_security import (
    create_security_stack,
    SecurityStackConfig,
    TrustGateConfig,
    BudgetEnforcerConfig,
    AuditRecord,
)

config = SecurityStackConfig(
    trust_gate=TrustGateConfig(required_level="verified", tool_name="file-reader"),
    budget=BudgetEnforcerConfig(token_limit=10_000, call_limit=100),
    audit_namespace="my-agent.production",
)
stack = create_security_stack(config)

# In your tool-call handler:
def handle_tool_call(request: ToolRequest) -> ToolResponse:
    # 1. Check trust level (operator-set, never automatic)
    trust_decision = stack.trust_gate.check(request)
    if not trust_decision.allowed:
        stack.audit.log(AuditRecord(event="trust-denied", reason=trust_decision.reason))
        raise PermissionError(f"Trust gate denied: {trust_decision.reason}")

    # 2. Check budget (static limits, never adaptive)
    budget_decision = stack.budget.check_budget(request.session_id)
    if not budget_decision.allowed:
        stack.audit.log(AuditRecord(event="budget-exceeded", session_id=request.session_id))
        raise RuntimeError("Budget limit reached for this session")

    # 3. Execute
    result = execute_tool_call(request)

    # 4. Record spending and audit (recording only)
    stack.budget.record_spending(request.session_id, result.tokens_used)
    stack.audit.log(AuditRecord(event="tool-call-complete", session_id=request.session_id))

    return result
