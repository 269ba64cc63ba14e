"""What the Compare page knows of many runs at once, read fast enough for a thousand of them."""
