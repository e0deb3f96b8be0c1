"""The record of this service: events in its database, in one transaction with what they tell of."""
