"""What scripts/fleet-bench and scripts/fleet-faults are made of."""
