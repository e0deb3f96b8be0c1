"""Text as pictures: typefaces, shaping and ink, for whatever is laid over a clip."""
