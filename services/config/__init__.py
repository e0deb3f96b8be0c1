"""The configuration service: one document per environment, validated, versioned, watched."""
