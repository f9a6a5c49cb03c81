"""The page's speed, and its screenshots."""
