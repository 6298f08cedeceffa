"""Surroundings made of boxes and bumpy balls: streets, parks, rooms, plain backdrops, and their light."""
