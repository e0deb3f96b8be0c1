"""Who calls, and what that caller may do: roles, rules, keys, tokens, certificates and limits."""
