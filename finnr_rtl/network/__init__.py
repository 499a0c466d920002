"""The intermediate representation: a network of integer layers, and what a host does before and behind it."""
