"""Parts of messages about bad input that are chosen before the message is made."""

__all__ = ["A_MASK", "A_VOLUME", "OTHER_UNIT", "SINGLE_IMAGES", "VOXEL_OF_ONE", "a_field_of_view", "a_voxel_size",
           "not_finite"]

A_MASK = "expected a mask, 1 inside and 0 outside"
A_VOLUME = " (a 3D volume, such as a subtomogram?)"
OTHER_UNIT = ": the value seems to be in another unit"
SINGLE_IMAGES = "expected single images of single particles"
VOXEL_OF_ONE = "; 1 Å is what programs write where the voxel size is not known"


def not_finite(name: str) -> str:
    """An array with values that are no numbers."""
    return f"{name} holds NaN or infinite values; expected finite numbers"


def a_voxel_size(size: float) -> str:
    """Of a map, Angstrom."""
    return f"a voxel size of {size:.4g} Å"


def a_field_of_view(smallest: float, largest: float) -> str:
    """Of a map, relative to the particles'."""
    return f"a field of view of {smallest:g} to {largest:g} times that of the particles"
