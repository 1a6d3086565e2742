"""What tests share: planted data, naive references, files of other programs."""
