"""Smart cut: whole groups of pictures are copied as they are, and only what lies beside them is encoded."""
