engine = GovernanceEngine(config=GovernanceConfig(...))
engine.trust   # TrustManager
engine.budget  # BudgetManager
engine.consent # ConsentManager
engine.audit   # AuditLogger
