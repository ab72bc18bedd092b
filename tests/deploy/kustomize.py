"""The part of kustomize that deploy/kubernetes uses, so that what is validated is what would be applied.

Known: resources (files and folders), patches by path (strategic merge; lists of things with a name merge by name, other
lists are replaced), configMapGenerator with files (without the hash that kustomize appends to the name), images. Anything
else in a kustomization is refused, so that nothing is silently left out.
"""

import tomllib
from pathlib import Path

import yaml

NAMESPACE_NAME = "kubernetes.io/metadata.name"  # A label that Kubernetes itself gives to every namespace.
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
    """What a manifest of an overlay names and the overlay does not have: maps, ports, and pods that its selectors fit."""
    if "overlays" not in str(where):
        return
    siblings = render(folder.parents[1] / where)
    if manifest["kind"] == "Deployment":
        if not any(sibling["kind"] == "NetworkPolicy" for sibling in siblings):
            yield "no NetworkPolicy says who may reach the pods"
        pod = manifest["spec"]["template"]["spec"]
        maps = {m["metadata"]["name"]: m["data"] for m in siblings if m["kind"] == "ConfigMap"}
        for volume in pod["volumes"]:
            if "configMap" in volume and volume["configMap"]["name"] not in maps:
                yield f"no ConfigMap {volume['configMap']['name']}"
        for container in containers([manifest]):
            if ":" not in container["image"]:
                yield f"the image of {container['name']} has no tag"
            settings = tomllib.loads(maps["ferry-config"]["ferry.toml"])
            listened = {name: int(settings[f"{name}-listen"].rsplit(":")[1]) for name in ("grpc", "metrics")}
            if listened != {port["name"]: port["containerPort"] for port in container["ports"]}:
                yield f"the ports of {container['name']} are not those of ferry.toml"
            for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
                if container[probe]["grpc"]["port"] != listened["grpc"]:
                    yield f"the {probe} of {container['name']} does not ask the port of grpc-listen"
    ports = {port["name"] for container in containers(siblings) for port in container["ports"]}
    if manifest["kind"] == "Service":
        for port in manifest["spec"]["ports"]:
            if port["targetPort"] not in ports:
                yield f"no container has the port {port['targetPort']}"
    if manifest["kind"] == "NetworkPolicy":
        yield from unguarded(manifest["spec"], ports)
    labels = next(m for m in siblings if m["kind"] == "Deployment")["spec"]["template"]["metadata"]["labels"]
    for selector in selectors(manifest):
        if not selector.items() <= labels.items():
            yield f"the pods do not have the labels {selector}"


def selectors(manifest):
    """Every choice of pods by their labels."""
    spec = manifest.get("spec", {})
    if manifest["kind"] == "Service":
        yield spec["selector"]
    elif "selector" in spec:
        yield spec["selector"]["matchLabels"]
    elif "podSelector" in spec:
        yield spec["podSelector"]["matchLabels"]
    if manifest["kind"] == "Deployment":
        for constraint in spec["template"]["spec"]["topologySpreadConstraints"]:
            yield constraint["labelSelector"]["matchLabels"]


def unguarded(policy, ports):
    """What a NetworkPolicy leaves open, or closes by mistake: each port is one of the pods', and for namespaces by their names."""
    if set(policy["policyTypes"]) != {"Ingress", "Egress"} or "egress" in policy:
        yield "does not stop the pods from calling others"
    allowed = set()
    for rule in policy["ingress"]:
        allowed |= {port["port"] for port in rule.get("ports", [])}
        if not rule.get("ports"):
            yield "a rule names no port: all of them are open"
        if not rule.get("from"):
            yield "a rule names no namespace: everyone may come"
        for peer in rule.get("from", []):
            chosen = peer.get("namespaceSelector", {}).get("matchExpressions", [])
            if set(peer) != {"namespaceSelector"} or not any(
                    choice["key"] == NAMESPACE_NAME and choice["operator"] == "In" and choice["values"] for choice in chosen):
                yield f"a rule is for {peer}, not for namespaces by their names"
    for port in sorted(allowed - ports):
        yield f"no container has the port {port}"
    for port in sorted(ports - allowed):
        yield f"nobody may reach the port {port}"


def unmonitored(monitor, manifests):
    """What a ServiceMonitor names and the Service does not have."""
    service = next(m for m in manifests if m["kind"] == "Service")
    if not monitor["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items():
        yield f"the Service does not have the labels {monitor['spec']['selector']['matchLabels']}"
    for endpoint in monitor["spec"]["endpoints"]:
        if endpoint.get("port") not in {port["name"] for port in service["spec"]["ports"]}:
            yield f"the Service has no port named {endpoint.get('port')}"
