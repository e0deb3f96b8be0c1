"""What is said in a source, as text with times: from its own text tracks, or from a file beside it."""
