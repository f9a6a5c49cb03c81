"""The page's texts: one file per language, in the same order."""
