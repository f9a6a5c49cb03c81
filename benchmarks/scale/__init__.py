"""What the measured figures amount to at scale: arithmetic and a simulation."""
