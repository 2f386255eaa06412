"""What is secret in a text: by its name, its form or its randomness; how it is hidden; which secrets enter the history."""
