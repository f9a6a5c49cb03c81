"""What the measured figures come to at scale."""
