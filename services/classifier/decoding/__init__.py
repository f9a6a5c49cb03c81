"""Decode an image to the square of pixels that a network takes."""
