"""Prints the crates in the binary as a CycloneDX 1.5 document. Run it beside Cargo.toml."""

import json
import subprocess
import tomllib

TARGET = "x86_64-unknown-linux-gnu"


def main():
    command = ["cargo", "metadata", "--format-version=1", "--locked", "--filter-platform", TARGET]
    metadata = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    packages = {package["id"]: package for package in metadata["packages"]}
    nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
    root = next(
        package["id"]
        for package in metadata["packages"]
        if package["name"] == "sessiond" and package["source"] is None
    )
    with open("Cargo.lock", "rb") as file:
        locked = tomllib.load(file)["package"]
    checksums = {(crate["name"], crate["version"]): crate.get("checksum") for crate in locked}
    included = linked(nodes, root) - {root}
    components = [component(packages[crate], checksums) for crate in included]
    version = packages[root]["version"]
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {
            "component": {"type": "application", "name": "sessiond", "version": version}
        },
        "components": sorted(components, key=lambda crate: (crate["name"], crate["version"])),
    }
    print(json.dumps(document, indent=1))


def linked(nodes, root):
    """The crates that are compiled into the binary: neither for tests nor for build scripts."""
    found, waiting = set(), [root]
    while waiting:
        crate = waiting.pop()
        if crate in found:
            continue
        found.add(crate)
        for dependency in nodes[crate]["deps"]:
            if any(kind["kind"] is None for kind in dependency["dep_kinds"]):
                waiting.append(dependency["pkg"])
    return found


def component(package, checksums):
    name, version = package["name"], package["version"]
    described = {
        "type": "library",
        "name": name,
        "version": version,
        "purl": f"pkg:cargo/{name}@{version}",
    }
    if package["license"]:
        described["licenses"] = [{"expression": package["license"].replace("/", " OR ")}]
    checksum = checksums.get((name, version))
    if checksum:
        described["hashes"] = [{"alg": "SHA-256", "content": checksum}]
    return described


main()
