"""Prints the page of supported operators (docs/operators.md)."""

from finnr_rtl.frontend import markdown

if __name__ == "__main__":
    print(markdown(), end="")
