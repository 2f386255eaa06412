"""Candidates: states from outside that are offered to become live. Nothing they hold is trusted.

What is hostile (names that lead out, devices, set-id bits, bombs, two entries of one name) is refused by name, before
anything of it is validated. Validation, owners and what becomes live are for `usecases/deploy.py`.
"""
