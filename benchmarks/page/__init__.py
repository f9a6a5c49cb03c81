"""What the page's visitors wait for, and its pictures."""
