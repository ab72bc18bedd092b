"""The completion scripts of ferryctl, run by the shells they are for.

Usage: completion_test.py FERRYCTL

Each case is a line up to the cursor, and what a shell would offer there. bash runs the function as its line editor would,
with the words split at colons and equal signs; zsh, where there is one, with its completion builtins replaced by ones that
print. `ferryctl` itself is replaced in both: it knows two models and three devices, and a third model on another server.
"""

import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

FERRYCTL = """
ferryctl() {
  case "$*" in
    "--server=other:1 --timeout=2s models --names") printf 'elsewhere\\n' ;;
    "--timeout=2s models --names") printf 'models\\nvad\\n' ;;
    "--timeout=2s devices --names") printf 'cpu\\nsim:0\\nsim:1\\n' ;;
    *) printf 'asked: %s\\n' "$*" >&2 ;;
  esac
}
"""

# {line: the words that the line would be completed to}
CASES = {
    "ferryctl mi": ["migrate"],
    "ferryctl --server=other:1 unl": ["unload"],
    "ferryctl migrate ": ["models", "vad"],
    "ferryctl --server=other:1 infer ": ["elsewhere"],
    "ferryctl --server other:1 infer ": ["elsewhere"],
    "ferryctl migrate vad --to ": ["cpu", "sim:0", "sim:1"],
    "ferryctl migrate vad --to sim:": ["sim:0", "sim:1"],
    "ferryctl migrate vad --to=s": ["--to=sim:0", "--to=sim:1"],
    "ferryctl migrate vad --to cpu,s": ["cpu,sim:0", "cpu,sim:1"],
    "ferryctl load vad --device=cpu,sim:": ["--device=cpu,sim:0", "--device=cpu,sim:1"],
    # A model may be called as a command is.
    "ferryctl migrate models --t": ["--to", "--timeout"],
    "ferryctl load watch --pa": ["--path"],
    "ferryctl completion ": ["bash", "zsh"],
    # Nothing to offer is not an offer of file names.
    "ferryctl load ": [],
    "ferryctl health --wait ": [],
}

BASH = """
COMP_WORDBREAKS=$' \\t\\n"\\'><=;|&(:'
COMP_LINE=$1 COMP_POINT=${#1}
compopt() { echo "compopt $*"; }
_ferryctl
for word in "${COMPREPLY[@]}"; do printf 'offer %s\\n' "$word"; done
"""

ZSH = """
compset() { [[ $1 == -p ]] && hidden=${PREFIX[1,$2]} PREFIX=${PREFIX[$2+1,-1]}; }
compadd() { shift; for word in "$@"; do [[ $word == $PREFIX* ]] && print -r -- "offer $hidden$word"; done; }
_files() { print "compopt -o default"; }
hidden=""
words=(${(s: :)1})
[[ $1 == *' ' ]] && words+=("")
CURRENT=${#words} PREFIX=${words[-1]}
fpath=($2 $fpath)
autoload -Uz _ferryctl
compdef() { print "compdef" }
_ferryctl || true
"""


def script_of(ferryctl, shell):
    return subprocess.run([ferryctl, "completion", shell], check=True, capture_output=True, text=True).stdout


def lines_of(*command):
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0 and not done.stderr, f"{command}: {done.returncode}: {done.stderr}"
    return done.stdout.splitlines()


def in_bash(script, line):
    # bash puts what is offered behind the last of its word breaks.
    kept = re.search(r"[^\s]*[:=]|$", line.rsplit(" ", 1)[-1])[0]
    return [re.sub("^offer ", kept if printed.startswith("offer") else "", printed)
            for printed in lines_of("bash", "--norc", "-c", FERRYCTL + script + BASH, "bash", line)]


def in_zsh(folder, line):
    return [printed.removeprefix("offer ") for printed in lines_of("zsh", "-f", "-c", FERRYCTL + ZSH, "zsh", line, folder)]


def main():
    ferryctl = pathlib.Path(sys.argv[1])
    shells = {"bash": lambda line: in_bash(script_of(ferryctl, "bash"), line)}
    with tempfile.TemporaryDirectory() as folder:
        if shutil.which("zsh"):
            # As a file of $fpath, which is run whole at the first TAB.
            (pathlib.Path(folder) / "_ferryctl").write_text(script_of(ferryctl, "zsh"))
            shells["zsh"] = lambda line: in_zsh(folder, line)
        for shell, complete in shells.items():
            for line, expected in CASES.items():
                offered = complete(line)
                assert offered == expected, f"{shell}: {line!r} offers {offered}, not {expected}"
            files = complete("ferryctl infer vad --input ")
            assert files == ["compopt -o default"], f"{shell}: --input offers {files}, not files"
    print(f"completion: {len(CASES) + 1} lines in {' and '.join(shells)}")


if __name__ == "__main__":
    main()
