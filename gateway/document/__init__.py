"""Reads a document: its text, and what Google reads in it."""
