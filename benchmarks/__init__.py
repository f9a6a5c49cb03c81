"""What measures: one program for each table and plot in README and docs, and what they share."""
