"""Motion of the camera: fitted to the blocks of two pictures, followed along a shot, and told in a word."""
