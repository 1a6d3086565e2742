"""A look at the particles before any work: what is in them, and whether poses, sign and pixel size fit a map."""

from gmmhet.engine.check.poses import PoseCheck, check_poses, contrast_with
from gmmhet.engine.check.stage import CheckResult, check, require_sane_poses

__all__ = ["CheckResult", "PoseCheck", "check", "check_poses", "contrast_with", "require_sane_poses"]
