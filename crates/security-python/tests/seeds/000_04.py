engine.trust.set_level("agent-id", TrustLevel.L3_ACT_APPROVE)
result = engine.trust.check_level("agent-id", TrustLevel.L2_SUGGEST)
# result.allowed → True
