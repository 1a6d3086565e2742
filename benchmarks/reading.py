"""Seconds and peak memory of reading large particle files, and of writing coordinates back.

    python benchmarks/reading.py [ROWS] [FOLDER]

Makes a STAR of RELION 3.1 and a .cs with its passthrough file of ROWS particles (default 1,000,000) in FOLDER (default:
a temporary one), then reads each, without images, and writes it back with six more columns, in a process of its own.
"""

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from gmmhet.engine.io import read_particles, write_selection

_COLUMNS = ("rlnCoordinateX", "rlnCoordinateY", "rlnImageName", "rlnMicrographName", "rlnOpticsGroup", "rlnDefocusU",
            "rlnDefocusV", "rlnDefocusAngle", "rlnPhaseShift", "rlnCtfBfactor", "rlnCtfMaxResolution", "rlnAngleRot",
            "rlnAngleTilt", "rlnAnglePsi", "rlnOriginXAngst", "rlnOriginYAngst", "rlnClassNumber", "rlnNormCorrection",
            "rlnRandomSubset", "rlnLogLikeliContribution", "rlnMaxValueProbDistribution", "rlnNrOfSignificantSamples")
_OPTICS = """
# version 30001

data_optics

loop_
_rlnOpticsGroupName #1
_rlnOpticsGroup #2
_rlnVoltage #3
_rlnSphericalAberration #4
_rlnAmplitudeContrast #5
_rlnImagePixelSize #6
_rlnImageSize #7
opticsGroup1 1 300.0 2.7 0.1 1.05 256
"""
_PER_MICROGRAPH = 250


def _make_star(path: Path, rows: int) -> None:
    rng = np.random.default_rng(0)
    with open(path, "w", encoding="ascii") as out:
        out.write(_OPTICS + "\n\n# version 30001\n\ndata_particles\n\nloop_\n")
        out.writelines(f"_{c} #{i}\n" for i, c in enumerate(_COLUMNS, 1))
        for i in range(rows):
            number, slot = divmod(i, _PER_MICROGRAPH)
            name = f"FoilHole_{10984848 + number}_Data_10985376_10985377_20180810_2123-{number:06d}_DW"
            a, b, c, d, e, f, g, h = rng.uniform(0, 180, 8)
            out.write(f"{a:12.6f} {b:12.6f} {slot + 1:06d}@Extract/job133/Micrographs/{name}.mrcs "
                      f"Micrographs/{name}.mrc 1 {15000 + c:12.6f} {14500 + d:12.6f} {e:12.6f} 0.000000 0.000000 4.5 "
                      f"{f:12.6f} {g:12.6f} {h:12.6f} {a / 9:12.6f} {b / 9:12.6f} 1 0.905532 {1 + i % 2} 2.574574e+05 "
                      f"{c / 180:8.6f} 81\n")


def _make_cs(path: Path, other: Path, rows: int) -> None:
    rng = np.random.default_rng(0)
    uid = rng.integers(0, 2**63, rows).astype(np.uint64)
    main = np.zeros(rows, [("uid", "u8"), *((f"alignments3D/{n}", "f4", w) for n, w in (
        ("shift", (2,)), ("pose", (3,)), ("psize_A", ()), ("error", ()), ("error_min", ()), ("alpha", ()),
        ("class_posterior", ()))), ("alignments3D/split", "u4"), ("alignments3D/class", "u4")])
    main["uid"], main["alignments3D/pose"] = uid, rng.normal(size=(rows, 3))
    main["alignments3D/shift"], main["alignments3D/split"] = rng.normal(size=(rows, 2)), np.arange(rows) % 2
    main["alignments3D/psize_A"] = 1.05
    fields = (("accel_kv", ()), ("cs_mm", ()), ("amp_contrast", ()), ("df1_A", ()), ("df2_A", ()), ("df_angle_rad", ()),
              ("phase_shift_rad", ()), ("tilt_A", (2,)), ("trefoil_A", (2,)), ("tetra_A", (4,)), ("anisomag", (4,)))
    ctf = np.zeros(rows, [("uid", "u8"), ("blob/path", "S90"), ("blob/idx", "u4"), ("blob/shape", "u4", 2),
                          ("blob/psize_A", "f4"), ("blob/sign", "f4"), ("ctf/exp_group_id", "u4"),
                          *((f"ctf/{n}", "f4", w) for n, w in fields), ("location/micrograph_uid", "u8")])
    number, slot = np.divmod(np.arange(rows), _PER_MICROGRAPH)
    ctf["blob/path"] = np.char.add(b"J19/extract/0123456789_20150917_DNA-TET-25k-DE20_raw.region_",
                                   np.char.add(np.char.zfill(number.astype("S6"), 6), b"_particles.mrc"))
    ctf["blob/idx"], ctf["blob/shape"], ctf["blob/psize_A"] = slot, 256, 1.05
    ctf["ctf/accel_kv"], ctf["ctf/cs_mm"], ctf["ctf/amp_contrast"] = 300, 2.7, 0.1
    ctf["ctf/df1_A"], ctf["ctf/df2_A"] = rng.uniform(1e4, 2e4, (2, rows))
    ctf["uid"], ctf["location/micrograph_uid"] = uid, number
    ctf["ctf/exp_group_id"] = number % 20
    for target, array in ((path, main), (other, ctf[rng.permutation(rows)])):
        with open(target, "wb") as out:
            np.save(out, array)


def _measure(files: list[str]) -> None:
    """In a process of its own, so that its peak memory is that of this file alone."""
    start = time.perf_counter()
    table = read_particles(files[0], images=False, passthrough=files[1:])
    read = time.perf_counter()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    rng = np.random.default_rng(1)
    columns = {f"gmmhetLatent{k}": [f"{v:.6f}" for v in rng.normal(size=len(table))] for k in range(1, 7)}
    ready = time.perf_counter()
    path = Path(files[0])
    write_selection(path.with_stem(path.stem + "_out"), table, np.arange(len(table)), columns=columns)
    written = time.perf_counter()
    whole = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"{path.name:16s} {len(table):9d} rows  {path.stat().st_size / 2**20:6.0f} MiB  read {read - start:6.1f} s, "
          f"{peak:5.2f} GiB  written {written - ready:6.1f} s, {whole:5.2f} GiB", flush=True)


def main() -> None:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with tempfile.TemporaryDirectory(dir=sys.argv[2] if len(sys.argv) > 2 else None) as folder:
        star, cs, other = (Path(folder) / n for n in ("particles.star", "particles.cs", "passthrough.cs"))
        _make_star(star, rows)
        _make_cs(cs, other, rows)
        for files in ([star], [cs, other]):
            subprocess.run([sys.executable, __file__, "--measure", *map(str, files)], check=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--measure"]:
        _measure(sys.argv[2:])
    else:
        main()
