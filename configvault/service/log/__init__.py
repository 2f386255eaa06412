"""The log that the service writes: one JSON object a line for each request to a plugin, read, counted and followed."""
