"""Reports for a person: plans, progress, prerequisites, status, cost, scripts."""
