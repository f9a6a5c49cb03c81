"""From an image's bytes to the square of pixels that a network takes."""
