"""Networks and their weights, from what a user has: files, the Hub, torchvision, packages."""
