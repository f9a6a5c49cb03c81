"""Runs the whole system on this machine."""
