"""What flows between stages, and what is configured."""

__version__ = "0.1.0"  # of Recast: in dataset.json, and the newest in CHANGELOG.md
