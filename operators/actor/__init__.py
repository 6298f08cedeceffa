"""The actor prior: a CC0 body fitted to a track's joints and drawn with sampled looks, over a background plate."""
