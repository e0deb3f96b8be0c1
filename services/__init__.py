"""The services of the suite: one folder each, none of which knows another."""
