"""What is behind a mask: taken from other frames, or made up from what lies around."""
