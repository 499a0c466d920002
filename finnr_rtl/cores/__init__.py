"""Hardware units: each module is a contract (its configuration) and the component that keeps it."""
