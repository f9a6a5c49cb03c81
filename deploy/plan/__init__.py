"""Plans: pure functions from the desired, current and recorded state to a list of steps."""
