"""Whatever may have heard of a push. A trigger only posts hints: the worker looks for itself."""
