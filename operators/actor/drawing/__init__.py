"""A posed body with looks -> a picture: clothes and hair, triangles, shading, the light of the place."""
