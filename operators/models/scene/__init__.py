"""What is in a frame besides people: depth, words for the scene, things, writing."""
