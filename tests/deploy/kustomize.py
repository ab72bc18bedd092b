"""The part of kustomize that deploy/kubernetes uses, so that what is validated is what would be applied.

Known: resources (files and folders), patches by path (strategic merge; lists of things with a name merge by name, other
lists are replaced), configMapGenerator with files (without the hash that kustomize appends to the name), images. Anything
else in a kustomization is refused, so that nothing is silently left out.
"""

from pathlib import Path

import yaml

KNOWN = {"apiVersion", "kind", "resources", "patches", "configMapGenerator", "images"}


def render(folder):
    """The manifests of a folder's kustomization, in order."""
    kustomization = yaml.safe_load((folder / "kustomization.yaml").read_text())
    if unknown := set(kustomization) - KNOWN:
        raise ValueError(f"{folder}: tests/deploy/kustomize.py does not know {', '.join(sorted(unknown))}")
    manifests = []
    for resource in kustomization.get("resources", []):
        path = folder / resource
        manifests += render(path) if path.is_dir() else [m for m in yaml.safe_load_all(path.read_text()) if m]
    for patch in kustomization.get("patches", []):
        change = yaml.safe_load((folder / patch["path"]).read_text())
        targets = [m for m in manifests if identity(m) == identity(change)]
        if len(targets) != 1:
            raise ValueError(f"{folder}: {patch['path']} fits {len(targets)} resources")
        manifests[manifests.index(targets[0])] = merged(targets[0], change)
    for generator in kustomization.get("configMapGenerator", []):
        data = {Path(name).name: (folder / name).read_text() for name in generator["files"]}
        manifests.append({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": generator["name"]}, "data": data})
    for image in kustomization.get("images", []):
        for container in containers(manifests):
            if container["image"] == image["name"]:
                container["image"] = f"{image['newName']}:{image['newTag']}"
    return manifests


def identity(manifest):
    return manifest["kind"], manifest["metadata"]["name"]


def merged(old, new):
    if isinstance(old, dict) and isinstance(new, dict):
        return old | {key: merged(old[key], value) if key in old else value for key, value in new.items()}
    if named(old) and named(new):
        by_name = {item["name"]: item for item in old}
        return list((by_name | {i["name"]: merged(by_name[i["name"]], i) if i["name"] in by_name else i for i in new}).values())
    return new


def named(value):
    return isinstance(value, list) and all(isinstance(item, dict) and "name" in item for item in value)


def containers(manifests):
    for manifest in manifests:
        if manifest["kind"] == "Deployment":
            yield from manifest["spec"]["template"]["spec"]["containers"]


def dangling(manifest, folder, where):
    """What a Deployment or a Service of an overlay names and the overlay does not have."""
    if "overlays" not in str(where):
        return
    siblings = render(folder.parents[1] / where)
    if manifest["kind"] == "Deployment":
        maps = {m["metadata"]["name"] for m in siblings if m["kind"] == "ConfigMap"}
        for volume in manifest["spec"]["template"]["spec"]["volumes"]:
            if "configMap" in volume and volume["configMap"]["name"] not in maps:
                yield f"no ConfigMap {volume['configMap']['name']}"
        for container in containers([manifest]):
            if ":" not in container["image"]:
                yield f"the image of {container['name']} has no tag"
    if manifest["kind"] == "Service":
        ports = {port["name"] for container in containers(siblings) for port in container["ports"]}
        for port in manifest["spec"]["ports"]:
            if port["targetPort"] not in ports:
                yield f"no container has the port {port['targetPort']}"
