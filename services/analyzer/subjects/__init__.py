"""Who is in the picture: faces, followed from frame to frame, and which of them speaks."""
