"""What a person and a program are told about a design: the facts, and the page that shows them."""
