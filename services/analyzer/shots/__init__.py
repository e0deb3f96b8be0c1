"""Where one shot ends and the next begins: one detector per file, all behind `catalogue.Detector`."""
