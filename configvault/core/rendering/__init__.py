"""One outcome in every language: event (log, metric, notification), JSON document, commit subject, diff."""
