"""Lays arrays that NumPy wrote beside the test models: those of its own test suite, and one of each version of its format."""

import shutil
import sys
from pathlib import Path

import numpy as np
from numpy.lib import format as npy


def main():
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parents[2] / "build" / "models" / "numpy"
    folder.mkdir(parents=True, exist_ok=True)
    for theirs in (Path(np.__file__).parent / "lib" / "tests" / "data").glob("*.npy"):
        shutil.copy(theirs, folder)
    draw = np.random.default_rng(1)
    for version in ((1, 0), (2, 0), (3, 0)):
        for dtype in (np.float32, np.float64):
            with open(folder / f"matrix_v{version[0]}_{dtype.__name__}.npy", "wb") as file:
                npy.write_array(file, draw.standard_normal((300, 500)).astype(dtype), version=version)
    np.save(folder / "matrix_v1_float64.bias.npy", draw.standard_normal(500))
    np.save(folder / "fortran.npy", np.asfortranarray(draw.standard_normal((3, 4))))
    print(f"test arrays: {len(list(folder.glob('*.npy')))} in {folder}")


if __name__ == "__main__":
    main()
