"""What precision costs and buys."""
