"""From a folded network to a streaming accelerator, one engine per layer."""
