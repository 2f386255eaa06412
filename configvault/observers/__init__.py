"""Who hears each outcome: one module a listener, each a table from outcome to what it says of it."""
