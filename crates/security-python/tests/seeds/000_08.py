from aumos_governance import GovernanceConfig
from aumos_governance.config import TrustConfig, BudgetConfig, ConsentConfig, AuditConfig

config = GovernanceConfig(
    trust=TrustConfig(
        default_level=1,
        enable_decay=True,
        decay_cliff_days=90,
    ),
    budget=BudgetConfig(
        allow_overdraft=False,
        rollover_on_reset=False,
    ),
    consent=ConsentConfig(default_deny=True),
    audit=AuditConfig(max_records=10_000),
)
engine = GovernanceEngine(config=config)
