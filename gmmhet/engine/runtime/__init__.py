"""How work is carried out: processes, devices, batches and checkpoints."""
