"""Carries out plans."""
