"""What a design costs."""
