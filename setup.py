"""Packaging. The package itself is not imported here: the version is read from its text.

GMMHET_TENSORFLOW chooses which TensorFlow is required: unset, the full package; ``tensorflow-cpu``, the lighter one
for machines without a GPU; ``tensorflow[and-cuda]``, with NVIDIA's libraries; ``none``, no TensorFlow at all, for a
Scipion whose plugin manager gives the engine an environment of its own.
"""

import os
import re
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).resolve().parent
VERSION = re.search(r'^__version__ = "([^"]+)"', (HERE / "gmmhet/__init__.py").read_text(), re.MULTILINE).group(1)
TENSORFLOW = os.environ.get("GMMHET_TENSORFLOW", "tensorflow").strip()

# The upper ends are what scipion-em 3.11 pins or what was tested (Python 3.11), so that one pip command resolves all.
ENGINE = [
    "numpy>=1.26,<2",
    "scipy>=1.10,<1.12",
    "mrcfile>=1.4.3,<1.6",
    "gemmi>=0.7,<0.8",
    "finufft>=2.5,<2.6",
    "h5py>=3.10,<4",
    "jinja2>=3.1,<4",
    "markupsafe>=2.1,<4",
    "matplotlib>=3.8,<3.11",
    "pillow>=10.1,<11",
    "rich>=13,<16",
    "scikit-learn>=1.5,<1.10",
    "shtab>=1.7,<2",
    "threadpoolctl>=3.1,<4",
    "starlette>=0.40,<2",
    "uvicorn>=0.30,<1",
]
SCIPION = ["scipion-em>=3.11.1,<3.12", "scipion-pyworkflow>=3.11.7,<3.12"]
# Workers on several GPUs and machines, and what shows them at work. The MPI itself is the machine's (its mpirun, its
# network); for a machine without one: pip install mpich.
CLUSTER = ["dask>=2026.8,<2026.9", "distributed>=2026.8,<2026.9", "dask-jobqueue>=0.9,<0.10", "bokeh>=3.1,<4",
           "mpi4py>=4,<5"]
DOCS = ["sphinx>=8,<9"]
DIST = ["build>=1.2,<2"]
# Brings a program of 170 MB, so it is not required.
MP4 = ["imageio-ffmpeg>=0.5,<0.9"]
# playwright drives the chromium of the system; no browser is fetched. axe-playwright-python brings axe-core.
TEST = ["pytest>=8,<10", "pytest-xdist>=3.6,<4", "scipion-em-relion>=5.0.2,<5.1", "ruff>=0.6,<0.18", "mypy>=1.11,<3",
        *CLUSTER, "mpich>=4.2,<6", "playwright>=1.40,<2", "axe-playwright-python>=0.1.8,<0.2", *MP4]

setup(
    name="gmmhet",
    version=VERSION,
    description="Motions of macromolecules in single-particle cryo-EM data by Gaussian models; a Scipion plugin",
    long_description=(HERE / "README.rst").read_text(encoding="utf-8"),
    long_description_content_type="text/x-rst",
    license="GPL-3.0-or-later",
    classifiers=[
        "Development Status :: 3 - Alpha",
        "Intended Audience :: Science/Research",
        "License :: OSI Approved :: GNU General Public License v3 or later (GPLv3+)",
        "Programming Language :: Python :: 3.11",
        "Topic :: Scientific/Engineering",
    ],
    keywords="scipion cryoem heterogeneity gaussian tensorflow",
    python_requires=">=3.11,<3.13",
    packages=find_packages(include=["gmmhet", "gmmhet.*"]),
    package_data={
        "gmmhet": ["py.typed", "protocols.conf", "*.png", "templates/*.json.template"],
        "gmmhet.engine.browser": ["*.js"],
        "gmmhet.engine.report": ["*.js", "*.css", "templates/*.html"],
        "gmmhet.engine.view": ["*.js", "*.css", "*.html"],
    },
    install_requires=ENGINE + ([] if TENSORFLOW == "none" else [f"{TENSORFLOW}>=2.19,<2.22"]),
    extras_require={"scipion": SCIPION, "cluster": CLUSTER, "mp4": MP4, "test": TEST, "docs": DOCS, "dist": DIST},
    entry_points={
        "pyworkflow.plugin": ["gmmhet = gmmhet"],
        "console_scripts": ["gmmhet = gmmhet.engine.commands.main:main"],
    },
)
