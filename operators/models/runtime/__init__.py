"""How any network is loaded and asked: offline, vouched for, in tiles, once per picture, and finite."""
