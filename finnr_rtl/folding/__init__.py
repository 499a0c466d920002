"""From a network to a folded network: how much of each layer is computed per cycle."""
