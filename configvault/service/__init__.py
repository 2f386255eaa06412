"""The protected service: tell it to load the root again, and ask it whether it is well."""
