"""What is said about the directions from which particles are seen."""

__all__ = ["unit_line"]


def unit_line(group: str) -> str:
    """Views in one asymmetric unit, as refinements with a symmetry write them."""
    return f"views are in one asymmetric unit of {group}; what follows counts the views of all symmetric copies"
