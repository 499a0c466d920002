"""The intermediate representation: a network of integer layers."""
