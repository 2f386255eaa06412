"""The command line: parse, call one use case, print its outcome. Nothing is decided here."""
