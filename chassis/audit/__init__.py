"""The record of what was done and refused: a chain of hashes, whose head is signed and can be kept elsewhere."""
