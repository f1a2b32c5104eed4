engine.budget.create_budget("tools", limit=50.0, period="daily")
engine.budget.record_spending("tools", 2.5, description="web search")
result = engine.budget.check_budget("tools", 10.0)
# result.allowed → True
# result.available → 47.5
