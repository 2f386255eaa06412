"""configvault: watch a config directory, record every valid state of it in git, restore any of them."""

__version__ = "0.1.0"
