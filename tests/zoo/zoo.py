"""The zoo: models of other people's packages, made small, and served by the real daemon.

Usage: zoo.py make [--quick] FOLDER [NAME...]
       zoo.py try [--quick] [--table=FILE] FOLDER BUILD_DIRECTORY [NAME...]

NAME is the beginning of a name: torchvision, torchvision.resnet18, torchvision.resnet18.traced.
"""

import argparse
import pathlib
import sys


def specimens():
    """Every one, by name. Imports the packages that they come from, which takes a while."""
    import from_timm
    import from_torchaudio
    import from_torchvision
    import from_transformers
    import from_wheels

    every = [specimen for source in (from_timm, from_torchaudio, from_torchvision, from_transformers, from_wheels)
             for specimen in source.specimens()]
    return sorted(every, key=lambda specimen: specimen.name)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    making, trying = commands.add_parser("make"), commands.add_parser("try")
    for command in (making, trying):
        command.add_argument("--quick", action="store_true", help="those that every test run serves")
        command.add_argument("folder", type=pathlib.Path)
    trying.add_argument("--table", type=pathlib.Path, help="where to write it")
    trying.add_argument("build", type=pathlib.Path)
    for command in (making, trying):
        command.add_argument("names", nargs="*")
    arguments = parser.parse_args()
    if arguments.command == "make":
        import make

        wanted = [specimen for specimen in specimens() if specimen.quick or not arguments.quick]
        make.make(wanted, arguments.names, arguments.folder)
    else:
        import visit

        sys.exit(visit.visit(arguments))


if __name__ == "__main__":
    main()
