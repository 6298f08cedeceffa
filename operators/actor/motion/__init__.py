"""A track's joints -> the body's pose, place and scale in every frame."""
