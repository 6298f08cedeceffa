"""The body: a mesh and a skeleton from shape parameters."""
