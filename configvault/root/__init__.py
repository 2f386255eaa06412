"""The protected directory: read it as it is, and make it what a snapshot says. Nothing else touches it."""
