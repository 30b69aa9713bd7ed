"""The story of a deployment: observe, plan, record the intent, act, reload, check, record."""
