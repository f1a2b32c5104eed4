decision = engine.evaluate_sync(action)
