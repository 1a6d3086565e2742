"""The engine: numerics and files, without Scipion."""
