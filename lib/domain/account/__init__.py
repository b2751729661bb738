"""Accounts: who a caller is, how that is proven, and what it allows.

Decides: user records, groups, log-in, tokens and their scopes, tokens of submitters, users of other
authorities, account mail.

May import from the domain: `query`.
"""
