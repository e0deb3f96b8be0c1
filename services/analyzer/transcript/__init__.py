"""What is said in a source, as text with times: from its own text tracks, a file beside it, or recognition."""
