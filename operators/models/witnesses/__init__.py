"""Who looks again, for the gates: networks that the cues do not come from, and what their boxes leave unexplained."""
