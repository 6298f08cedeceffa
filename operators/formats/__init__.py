"""Datasets that are more than a folder of videos."""
