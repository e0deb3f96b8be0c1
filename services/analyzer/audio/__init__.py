"""What the sound of a source says: loudness, silence and speech."""
