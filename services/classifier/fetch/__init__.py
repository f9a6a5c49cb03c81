"""Fetch images by URL, from public hosts only."""
