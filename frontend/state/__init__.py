"""What the page keeps: for one visitor, and for all of them."""
