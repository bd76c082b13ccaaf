"""Use cases: each opens one transaction, decides by the rules, writes, and owes the mail. Called by blueprints, commands and
jobs.
"""
