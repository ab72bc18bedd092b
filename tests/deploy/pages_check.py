"""Checks what docs/deployment.md prints for other machines: commands of Docker, kubectl and systemd, and the sums of memory.

Nothing of it can run here. So each command must be one that is known, and what it names must be there: images that the variants
want, folders that kustomize renders, claims, ports, build arguments, files.
"""

import re
import shlex
import sys
import tomllib
from pathlib import Path

import yaml

import kustomize

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/tour"))
import pages  # noqa: E402

PAGE = ROOT / "docs/deployment.md"
VARIANTS = {name: ROOT / f"deploy/kubernetes/overlays/{name}" for name in ("cpu", "gpu")}
UNIT = ROOT / "deploy/systemd/ferryd.service"


def rendered(name):
    return kustomize.render(VARIANTS[name])


def images():
    return {container["image"] for name in VARIANTS for container in kustomize.containers(rendered(name))}


def claims():
    pods = (manifest["spec"]["template"]["spec"] for manifest in rendered("cpu") if manifest["kind"] == "Deployment")
    return {volume["persistentVolumeClaim"]["claimName"] for pod in pods for volume in pod["volumes"]
            if "persistentVolumeClaim" in volume}


def docker(words):
    dockerfile = (ROOT / "Dockerfile").read_text()
    names = [word for word in words if word.startswith("ferry:")]
    for name in names:
        if name not in images():
            yield f"no variant of Kubernetes wants the image {name}; they want {', '.join(sorted(images()))}"
    for flag, value in zip(words, words[1:]):
        if flag == "--build-arg" and not re.search(rf"^ARG {value.split('=')[0]}=", dockerfile, re.M):
            yield f"the Dockerfile has no ARG {value}"
        if flag == "-p" and value.split(":")[1] not in re.search(r"^EXPOSE (.*)$", dockerfile, re.M)[1].split():
            yield f"the Dockerfile does not expose {value}"
        if flag == "-v" and value.split(":")[1] not in tomllib.loads((ROOT / "deploy/image/ferry.toml").read_text())["model-dir"]:
            yield f"the image loads no models from {value}"
        if flag == "-t" and words[1] == "stop" and int(value) <= 30:
            yield f"-t {value} is no longer than drain-max"
    if words[1] not in ("build", "run", "stop") or words[1] != "stop" and len(names) != 1:
        yield "is no command of docker that this test knows"


def kubectl(words):
    if words[1:3] == ["apply", "-k"]:
        folder = ROOT / words[3]
        if not (folder / "kustomization.yaml").is_file() or not kustomize.render(folder):
            yield f"{words[3]} has nothing to apply"
    elif words[1:3] == ["get", "persistentvolumeclaim"]:
        if words[3] not in claims():
            yield f"the pods want the claims {', '.join(claims())}"
    else:
        yield "is no command of kubectl that this test knows"


def of_the_unit(line):
    """The unit's own comment says how to install it."""
    told = re.search(r"# Ferry on one machine.*?\n(#.*?)\n\[Unit\]", UNIT.read_text(), re.DOTALL)[1]
    if line != "scripts/setup" and line not in [told_line.strip("# ") for told_line in told.splitlines()]:
        yield f"{UNIT.relative_to(ROOT)} does not say so"
    for word in line.split():
        if re.match(r"(scripts|deploy)/", word) and not (ROOT / word).exists():
            yield f"there is no {word}"


def command_faults():
    for block in pages.blocks(PAGE):
        for line in block.text.splitlines():
            line = line.split("  #")[0].strip()
            words = shlex.split(line)
            known = {"docker": docker, "kubectl": kubectl}.get(words[0])
            for fault in known(words) if known else of_the_unit(line):
                yield f"{block.where}: {line}: {fault}"


def memory_of(comments, limit):
    """{what: bytes} of a comment such as "8GiB of cpu + 1GiB of its own:"."""
    return {name: size for size, name in re.findall(r"(\w+GiB) of ([a-z -]+?)(?= \+|:)", comments)} | {"limit": limit}


def memory_faults():
    """The table says what the comments beside the limits say, which check.py holds against ferry.toml."""
    columns = []
    for folder in VARIANTS.values():
        text = (folder / "resources.yaml").read_text()
        columns.append(memory_of(text, re.search(r"(\d+)Gi$", text, re.M)[1] + "GiB"))
    text = UNIT.read_text()
    columns.append(memory_of(text, re.search(r"^MemoryMax=(\d+)G$", text, re.M)[1] + "GiB"))
    for row in pages.table(PAGE, ""):
        name = {"`cpu` in `--devices`": "cpu"}.get(row[0], row[0].strip("`-"))
        name = "its own" if "own" in name else name
        for column, told in zip(columns, row[1:]):
            if column.get(name) != told:
                yield f"docs/deployment.md: memory: {row[0]} is {told}, and deploy/ has {column.get(name)}"


def faults():
    yield from command_faults()
    yield from memory_faults()
