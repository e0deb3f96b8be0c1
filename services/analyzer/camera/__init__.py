"""Motion of the camera: fitted to the blocks of two pictures, followed along a shot, and told in a word."""

CURVES = ("pan", "tilt", "zoom", "roll", "shake", "object_motion")
