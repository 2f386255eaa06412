"""Coze Studio's plugin directory, as its own loader takes it."""
